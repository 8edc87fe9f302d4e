"""In which order units go: the least important first, across all groups.

Scores of different layers are not of one scale, so each group's are divided by their mean
(Molchanov et al., arXiv:1611.06440, section 2.3, normalise per layer likewise), but for those
that are made to compare. Channel
counts of a group fall from one multiple of `round_to` to the next; the units between two
of them go together and compete by their mean score.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worker.engine.prune.coupling import Kept


@dataclass(frozen=True, slots=True)
class Removal:
    """Units of one group that go in one step."""

    group: int
    score: float
    units: NDArray[np.int64]


def ranking(
    kept: Sequence[Kept],
    scores: Sequence[NDArray[np.float64]],
    round_to: int,
    *,
    comparable: bool = False,
) -> list[Removal]:
    """Every removal that may still happen, in the order in which they must: lowest score
    first, ties by group. At least `round_to` units of each group are in no removal.

    `scores[g]` has one entry for each unit that `kept[g]` keeps; `comparable` ones of
    different groups are compared as they are.
    """
    removals = [
        removal
        for number, (units, found) in enumerate(zip(kept, scores, strict=True))
        for removal in _of_group(
            number, np.flatnonzero(units), found if comparable else _relative(found), round_to
        )
    ]
    return sorted(removals, key=lambda removal: removal.score)


def after(kept: Sequence[Kept], removals: Sequence[Removal]) -> list[Kept]:
    """The units that stay in each group of `kept` once `removals` have happened."""
    left = [units.copy() for units in kept]
    for removal in removals:
        left[removal.group][removal.units] = False
    return left


def _relative(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    mean = scores.mean() if len(scores) else 0.0
    return scores / mean if mean > 0 else np.zeros_like(scores)


def _of_group(
    number: int, units: NDArray[np.int64], scores: NDArray[np.float64], round_to: int
) -> list[Removal]:
    order = np.argsort(scores, kind="stable")
    most = (len(scores) - 1) // round_to * round_to
    counts = [len(scores), *range(most, 0, -round_to)]
    pieces = [order[len(scores) - a : len(scores) - b] for a, b in itertools.pairwise(counts)]
    return [Removal(number, float(scores[piece].mean()), units[piece]) for piece in pieces]
