"""What a step hands back: the next checkpoint and the facts about what it did."""

from dataclasses import dataclass, field

from worker.engine.checkpoint import Checkpoint

FactValue = float | int | str | bool | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """`curve` is one row an epoch: epoch, train loss, held-out score."""

    checkpoint: Checkpoint
    facts: dict[str, FactValue] = field(default_factory=dict)
    curve: tuple[tuple[float, ...], ...] = ()
