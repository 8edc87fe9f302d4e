"""The named pipelines that a job may ask for."""

from typing import get_args

from fastapi import APIRouter

from app.auth import Reader
from app.http.problems import refusals
from lathe.recipes import AnyRecipe
from lathe.views import RecipeView

router = APIRouter(prefix="/v1/recipes", tags=["techniques"])


@router.get("", operation_id="list_recipes", responses=refusals())
async def list_recipes(_caller: Reader) -> list[RecipeView]:
    """Every recipe with the JSON Schema of its options; a job shows the steps it stands for."""
    return [
        RecipeView(
            recipe=recipe.model_fields["recipe"].default,
            summary=(recipe.__doc__ or "").strip().splitlines()[0],
            json_schema=recipe.model_json_schema(),
        )
        for recipe in get_args(AnyRecipe)
    ]
