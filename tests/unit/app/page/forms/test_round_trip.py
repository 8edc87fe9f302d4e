"""A form that nobody touched says what saying nothing would say, for every technique."""

from typing import Any, get_args

import pytest
from pydantic import TypeAdapter

from app.page.composing import DEFS, RECIPE, STEP
from app.page.forms.draw import Around, draw
from app.page.forms.read import read
from lathe.recipes import AnyRecipe, NamedRecipe
from lathe.techniques import TECHNIQUES, PipelineStep
from tests.fuzz.sent import sent

STEPS: TypeAdapter[Any] = TypeAdapter(PipelineStep)
RECIPES: TypeAdapter[Any] = TypeAdapter(NamedRecipe)
MODEL = "mdl_" + "0" * 26
NEEDED: dict[str, dict[str, Any]] = {  # what has no default at all
    "prune.channels": {"keep_macs": 0.5},
    "prune.blocks": {"remove": 2},
    "prune.weights": {"sparsity": 0.5},
    "prune.neurons": {"keep_neurons": 0.5},
    "prune.heads": {"keep_heads": 0.5},
    "prune.units": {"keep_units": 0.5},
    "prune.embeddings": {"keep_width": 0.5},
    "prune.sensing": {"sparsity": 0.5},
    "quantize.mixed": {"max_drop": 0.5},
}


def again(node: Any, value: dict[str, Any]) -> Any:
    return read(node, DEFS, "at", sent(draw(node, Around(DEFS), "at", value)))


@pytest.mark.parametrize("step", TECHNIQUES, ids=lambda step: step.__name__)
def test_an_untouched_form_of_a_technique_is_the_technique_as_usual(step: Any) -> None:
    name = step.model_fields["technique"].default
    value = {"technique": name, **NEEDED.get(name, {})}
    assert STEPS.validate_python(again(STEP, value)) == STEPS.validate_python(value)


@pytest.mark.parametrize("recipe", get_args(AnyRecipe), ids=lambda recipe: recipe.__name__)
def test_an_untouched_form_of_a_recipe_is_the_recipe_as_usual(recipe: Any) -> None:
    value = {"recipe": recipe.model_fields["recipe"].default}
    assert RECIPES.validate_python(again(RECIPE, value)) == RECIPES.validate_python(value)


@pytest.mark.parametrize(
    "value",
    [
        {
            "technique": "train.distill",
            "teachers": [{"model": MODEL, "weight": 2.5}, {"model": "baseline"}],
            "optimizer": {"kind": "sgd", "lr": 0.25, "momentum": 0.5},
            "early_stopping": {"patience": 7},
            "augment": {"inputs": ["image"], "elastic": {"grid": 3}, "flip": True},
            "features": [{"layer": "a.weight", "kind": "attention"}],
        },
        {
            "technique": "quantize.static",
            "exclude": ["fc.weight", "conv.weight"],
            "calibration": {"method": "percentile", "percentile": 99.5},
        },
        {"technique": "quantize.mixed", "bits": [2, 8], "keep_bytes": 0.25},
        {"technique": "decompose.svd", "rank": {"by": "given", "layers": {"fc.weight": 4}}},
        {
            "technique": "prune.channels",
            "keep_macs": 0.25,
            "recover": {"technique": "train.distill", "epochs": 3, "teachers": [{"weight": 3}]},
        },
    ],
    ids=lambda value: value["technique"],
)
def test_what_was_said_comes_back_from_its_form(value: dict[str, Any]) -> None:
    assert STEPS.validate_python(again(STEP, value)) == STEPS.validate_python(value)
