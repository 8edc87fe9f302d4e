"""`--pipeline`: a recipe, techniques by name, or steps as JSON."""

from typing import Any

from pydantic import TypeAdapter, ValidationError

from lathe.cli.given import given_json
from lathe.cli.wrong import no_such, wrong
from lathe.client import Client
from lathe.job import needs_train
from lathe.techniques import PipelineStep

_STEPS = TypeAdapter(tuple[PipelineStep, ...])


def pipeline(text: str, lathe: Client) -> Any:
    """What a job spec takes as its pipeline. Names that the service does not know end the
    command, with the likely one."""
    if text.lstrip()[:1] in {"[", "{"} or text.endswith(".json"):
        steps = given_json(text, "--pipeline")
    else:
        recipes = [each.recipe for each in lathe.recipes()]
        if text in recipes:
            return text
        names = [name.strip() for name in text.split(",")]
        _known(names, lathe, recipes)
        return [{"technique": name} for name in names]
    if isinstance(steps, dict) and "recipe" in steps:
        return steps
    if isinstance(steps, dict):
        steps = [steps]
    if not isinstance(steps, list) or not all(isinstance(step, dict) for step in steps):
        raise wrong('--pipeline takes a list of steps, as [{"technique": "quantize.static"}]')
    _known([str(step.get("technique", "")) for step in steps], lathe)
    return steps


def trains(steps: Any) -> bool:
    """Whether written steps read the train split; a recipe trains only when it is told to."""
    if not isinstance(steps, list):
        return False
    try:
        return any(needs_train(step) for step in _STEPS.validate_python(steps))
    except ValidationError:  # the service says what is wrong with them
        return False


def _known(names: list[str], lathe: Client, recipes: list[str] | None = None) -> None:
    techniques = [each.technique for each in lathe.techniques()]
    for name in names:
        if name not in techniques:
            kind = "technique" if recipes is None else "recipe or technique"
            raise no_such(kind, name, [*techniques, *(recipes or ())])
