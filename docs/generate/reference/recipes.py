"""recipes.md: what a job may name instead of steps, from `lathe.recipes`."""

import json
from inspect import cleandoc
from typing import get_args

from docs.generate.fields import shown
from docs.generate.prose import escaped, markdown
from docs.generate.schema import Schema, fields, reached, refs
from docs.generate.technique import values
from lathe.recipes import AnyRecipe
from lathe.recipes.recipe import Given, Recipe
from lathe.techniques import TECHNIQUES

INTRODUCTION = (
    "A recipe stands for a list of [steps](../techniques/README.md), which depends on what the "
    'job gives: its data, its task, its limits. Name it, `"pipeline": "int8"`, or give it '
    'options, `"pipeline": {"recipe": "int8", "objective": "size"}`. The job is stored '
    "and shown with the steps."
)
STANDS_FOR = (
    "With train and calibration data and the task `classification` it stands for these steps, "
    "where what is left out is a default."
)
USUAL = Given(train=True, calibration=True, task="classification", metric="accuracy")


def page() -> str:
    """Markdown of every recipe."""
    parts = ["# Recipes", INTRODUCTION]
    for recipe in get_args(AnyRecipe):
        parts += _section(recipe)
    for name, inside in _own_values().items():
        parts += [f"## {name}", markdown(cleandoc(inside.get("description", "")))]
        parts.append(fields(inside, _link, given=True))
    return "\n\n".join(parts) + "\n"


def _section(recipe: type[Recipe]) -> list[str]:
    name = recipe.model_fields["recipe"].default
    schema = recipe.model_json_schema()
    schema["properties"].pop("recipe")
    table = fields(schema, _link, given=True)
    plan = recipe().plan(USUAL)
    steps = json.dumps([shown(step) for step in plan.steps], indent=2)
    limits = [limit.model_dump(mode="json", exclude_none=True) for limit in plan.limits]
    adds = f" It adds the limits `{json.dumps(limits)}`." if limits else ""
    return [
        f"## {name}",
        markdown(cleandoc(recipe.__doc__ or "")),
        escaped(" ".join((recipe.plan.__doc__ or "").split())),
        table or "It has no options.",
        f"{STANDS_FOR}{adds}",
        f"```json\n{steps}\n```",
    ]


def _own_values() -> dict[str, Schema]:
    """What stands in recipes and in no step."""
    found: dict[str, Schema] = {}
    for recipe in get_args(AnyRecipe):
        schema = recipe.model_json_schema()
        for name in reached(refs(schema["properties"]), schema.get("$defs", {})):
            if _link(name).startswith("#"):
                found[name] = schema["$defs"][name]
    return found


def _link(name: str) -> str:
    of_steps = name in values(TECHNIQUES)
    return f"{'../techniques/values.md' if of_steps else ''}#{name.lower()}"
