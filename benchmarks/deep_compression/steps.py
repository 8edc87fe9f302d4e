"""The pipelines that are compared, as a person would write them into a job."""

from lathe.recipes import asked
from lathe.recipes.recipe import Given

Step = dict[str, object]
Steps = list[Step]

MILD: dict[str, object] = {
    "rotate_degrees": 6,
    "scale": 0.06,
    "shift_pixels": 1,
    "elastic": {"grid": 5, "sigma_pixels": 0.7},
}
CROPS: dict[str, object] = {"shift_pixels": 4, "flip": True, "copies": 3}
PACK: dict[str, object] = {"technique": "encode.entropy"}


def expanded(recipe: dict[str, object]) -> Steps:
    """The steps that a recipe stands for in a classification with train data."""
    given = Given(train=True, task="classification", metric="accuracy")
    return [step.model_dump(mode="json") for step in asked(recipe).plan(given).steps]


def changed(steps: Steps, techniques: str, **fields: object) -> Steps:
    """`steps` with other `fields` in those whose technique begins with `techniques`."""
    return [
        step | fields if str(step["technique"]).startswith(techniques) else step
        for step in steps
    ]


def without(steps: Steps, technique: str) -> Steps:
    """`steps` but for one technique."""
    return [step for step in steps if step["technique"] != technique]
