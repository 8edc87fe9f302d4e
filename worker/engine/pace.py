"""How far a run is, said often enough to be seen and seldom enough to cost nothing."""

import time
from dataclasses import dataclass, field

from lathe.views import Progress
from worker.engine.context import Report

INTERVAL_S = 0.5


@dataclass(slots=True)
class Pace:
    """Counts `unit`s up to `total` and reports at most every INTERVAL_S, and at the end.

    A step of several stages has a Pace for each: this one is the part of the step between
    the fractions `first` and `last`.
    """

    report: Report
    total: int
    unit: str
    first: float = 0.0
    last: float = 1.0
    done: int = 0
    started_s: float = field(default_factory=time.monotonic)
    said_s: float = 0.0

    def add(self, units: int) -> None:
        """Some more is done; `eta_s` assumes the speed so far."""
        self.done = min(self.done + units, self.total)
        now_s = time.monotonic()
        if now_s - self.said_s < INTERVAL_S and self.done < self.total:
            return
        self.said_s = now_s
        self._say(now_s)

    def finish(self) -> None:
        """All that was needed is done, perhaps less than was foreseen."""
        if self.done < self.total:
            self.done = self.total
            self._say(time.monotonic())

    def _say(self, now_s: float) -> None:
        walked = self.done / self.total if self.total else 1.0
        share = (self.last - self.first) * walked
        fraction = self.first + share
        spent_s = now_s - self.started_s
        self.report(
            Progress(
                fraction=fraction,
                current=self.done,
                total=self.total,
                unit=self.unit,
                eta_s=spent_s * (1 - fraction) / share if share else None,
            )
        )
