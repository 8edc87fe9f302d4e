"""Pipelines by name. A job that names one is stored and shown with the steps it stands for.

    "pipeline": "deep-compression"
    "pipeline": {"recipe": "deep-compression", "target": {"max_bytes": 30000}}

A new recipe joins the union here.
"""

from typing import Annotated, Literal, get_args

from pydantic import BaseModel, Field

from lathe.recipes.deep_compression import DeepCompression
from lathe.recipes.int8 import Int8
from lathe.recipes.slim import Slim50

AnyRecipe = DeepCompression | Int8 | Slim50
NamedRecipe = Annotated[AnyRecipe, Field(discriminator="recipe")]

RecipeName = Literal["deep-compression", "int8", "slim-50"]

NAMES: tuple[str, ...] = get_args(RecipeName)
_LONGEST_NAME = 60  # of an unknown one that is repeated


class _Asked(BaseModel):
    """Where a recipe stands in a job, so that what is wrong with it is found there."""

    pipeline: NamedRecipe


def asked(pipeline: object) -> AnyRecipe:
    """The recipe that a job's `pipeline` names; raises ValueError or ValidationError."""
    if not isinstance(pipeline, str):
        return _Asked.model_validate({"pipeline": pipeline}).pipeline
    if pipeline not in NAMES:
        raise ValueError(
            f"pipeline: there is no recipe {pipeline[:_LONGEST_NAME]!r}; there are "
            f"{', '.join(NAMES)}, or give a list of steps"
        )
    return asked({"recipe": pipeline})
