"""`--pipeline`: a recipe, techniques by name, or steps as JSON."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import typer
from pydantic import TypeAdapter, ValidationError

from lathe.cli.given import given_json
from lathe.cli.wrong import no_such, wrong
from lathe.client import Client
from lathe.job import needs_train
from lathe.recipes import NAMES
from lathe.techniques import TECHNIQUES, PipelineStep

_STEPS = TypeAdapter(tuple[PipelineStep, ...])
_TECHNIQUES = tuple(step.model_fields["technique"].default for step in TECHNIQUES)


@dataclass(frozen=True, slots=True)
class Pipeline:
    """What a job spec takes, and the names in it that this release does not know."""

    steps: Any
    strangers: tuple[str, ...] = ()

    def known_here(self) -> None:
        """Raise for a stranger, with the likely name."""
        for name in self.strangers:
            raise _no_such(name, _TECHNIQUES, NAMES)

    def known_to(self, lathe: Client) -> "Pipeline":
        """As a service knows it, which may be of another release; raises as above."""
        if not self.strangers:
            return self
        techniques = [each.technique for each in lathe.techniques()]
        recipes = [each.recipe for each in lathe.recipes()]
        if self.steps in recipes:
            return Pipeline(self.steps)
        for name in self.strangers:
            if name not in techniques:
                raise _no_such(name, techniques, recipes)
        alone = isinstance(self.steps, str)
        return Pipeline([{"technique": self.steps}] if alone else self.steps)

    @property
    def trains(self) -> bool:
        """Whether written steps read the train split; a recipe does when it is told to."""
        if not isinstance(self.steps, list):
            return False
        try:
            return any(needs_train(step) for step in _STEPS.validate_python(self.steps))
        except ValidationError:  # the service says what is wrong with them
            return False


def pipeline(text: str) -> Pipeline:
    """What is written; ends the command where it is no pipeline at all."""
    if text.lstrip()[:1] not in {"[", "{"} and not text.endswith(".json"):
        names = [name.strip() for name in text.split(",")]
        if len(names) == 1 and names[0] not in _TECHNIQUES:
            return Pipeline(text, () if text in NAMES else (text,))
        return _of_steps([{"technique": name} for name in names])
    written = given_json(text, "--pipeline")
    if isinstance(written, dict) and "recipe" in written:
        return Pipeline(written)
    steps = [written] if isinstance(written, dict) else written
    if not isinstance(steps, list) or not all(isinstance(step, dict) for step in steps):
        raise wrong('--pipeline takes a list of steps, as [{"technique": "quantize.static"}]')
    return _of_steps(steps)


def _of_steps(steps: list[dict[str, Any]]) -> Pipeline:
    names = [str(step.get("technique", "")) for step in steps]
    return Pipeline(steps, tuple(name for name in names if name not in _TECHNIQUES))


def _no_such(name: str, techniques: Iterable[str], recipes: Iterable[str]) -> typer.Exit:
    return no_such("technique or recipe", name, [*techniques, *recipes])
