"""Which maps the columns of a matrix may lie on, most promising first."""

from math import isqrt

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.int32]
Map = tuple[int, int]  # height, width

MOST_SIDE = 256
SAMPLE = 1 << 18  # codes that are looked at


def likely_maps(codes: Codes, count: int) -> list[Map]:
    """At most `count` square maps that some of the columns fill, by how much a neighbour on
    them tells: the mutual information of a code that is not zero and of those left of and
    above it. One line, (1, columns), is not among them."""
    columns = codes.shape[1]
    part = codes[: max(1, SAMPLE // max(columns, 1))] != 0
    sides = [
        side for side in range(2, min(MOST_SIDE, isqrt(columns)) + 1) if not columns % side**2
    ]
    told = {side: _told(part.reshape(len(part), -1, side, side)) for side in sides}
    best = sorted(told, key=lambda side: -told[side])[:count]
    return [(side, side) for side in best]


def _told(there: NDArray[np.bool_]) -> float:
    """Mutual information in bits of all codes; `there` is (rows, planes, height, width)."""
    left, above = np.zeros_like(there), np.zeros_like(there)
    left[..., 1:] = there[..., :-1]
    above[..., 1:, :] = there[..., :-1, :]
    context = left + 2 * above
    joint = np.bincount((2 * context + there).ravel(), minlength=8).reshape(4, 2)
    return _entropy(joint.sum(0)) + _entropy(joint.sum(1)) - _entropy(joint.ravel())


def _entropy(counts: NDArray[np.int64]) -> float:
    """In bits, of all that was counted."""
    some = counts[counts > 0]
    return float(-(some * np.log2(some / some.sum())).sum())
