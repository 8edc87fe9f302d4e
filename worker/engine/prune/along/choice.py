"""Which units stay, by their scores and how many may."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from lathe.errors import BudgetUnreachable
from worker.engine.prune.coupling import Kept
from worker.engine.prune.importance import Scores
from worker.engine.prune.ranking import after, ranking

Scope = Literal["layer", "global"]
WHOLE = 1e-9  # so much below a whole number is rounding of the fraction


@dataclass(frozen=True, slots=True)
class Share:
    """At most the fraction `keep` of the units stays, of each layer or of all; counts become
    multiples of `round_to`, which stay everywhere. `param` is the field that asks for it and
    `units` what they are called."""

    keep: float
    scope: Scope
    param: str
    units: str
    round_to: int = 1

    def chosen(self, scores: Scores, *, comparable: bool) -> list[Kept]:
        """Masks like `scores`, one array (units,) a layer; the smallest scores go, and no more
        of them than must. `comparable` ones of different layers are compared as they are.
        Raises BudgetUnreachable."""
        if self.scope == "global":
            return self._of(scores, comparable=comparable)
        return [kept for score in scores for kept in self._of([score], comparable=comparable)]

    def require_reachable(self, counts: Sequence[int]) -> None:
        """BudgetUnreachable where layers of so many units cannot become as narrow."""
        self.chosen([np.zeros(count) for count in counts], comparable=True)

    def _of(self, scores: Scores, *, comparable: bool) -> list[Kept]:
        kept: list[Kept] = [np.ones(len(score), np.bool_) for score in scores]
        left = sum(len(score) for score in scores)
        most = math.floor(self.keep * left + WHOLE)
        removals = ranking(kept, scores, self.round_to, comparable=comparable)
        for number, removal in enumerate(removals):
            if left <= most:
                return after(kept, removals[:number])
            left -= len(removal.units)
        if left > most:
            raise BudgetUnreachable(
                f"{self.param} {self.keep:g} cannot be reached: {left} of the {self.units} "
                f"stay where each layer keeps {self.round_to}, and {most} may; raise it, or "
                "leave more layers free",
                param=self.param,
            )
        return after(kept, removals)
