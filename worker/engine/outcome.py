"""What a step hands back: the next checkpoint and the facts about what it did."""

from dataclasses import dataclass, field

from lathe.report import LayerSensitivity
from worker.engine.checkpoint import Checkpoint

FactValue = float | int | str | bool | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """`curve` is one row an epoch: epoch, train loss, held-out score. `sensitivities` is one
    row for each weight and change that was tried alone."""

    checkpoint: Checkpoint
    facts: dict[str, FactValue] = field(default_factory=dict)
    curve: tuple[tuple[float, ...], ...] = ()
    sensitivities: tuple[LayerSensitivity, ...] = ()
