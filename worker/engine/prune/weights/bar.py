"""The bar that so many scores lie below, found exactly in two passes over data of any size.

Float32 numbers that are not negative sort like the integers that share their bits. So the
first pass counts the upper sixteen bits and finds in which bin the bar lies, the second
counts the lower sixteen bits of the numbers in that bin.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float32]
HALF_BITS = 16
HALF = 1 << HALF_BITS


@dataclass(frozen=True, slots=True)
class Bar:
    """Every score below `value` falls, and of those that equal it the first `ties`."""

    value: np.float32
    ties: int


def bar(parts: Callable[[], Iterable[Scores]], falling: int) -> Bar:
    """The bar under which exactly `falling` scores fall.

    `parts` gives all scores, none negative or NaN, and the same each time it is called.
    """
    if falling == 0:
        return Bar(np.float32(0), 0)
    upper = np.zeros(HALF, np.int64)
    for part in parts():
        upper += np.bincount(_bits(part) >> HALF_BITS, minlength=HALF)
    top, before_top = _bin(upper, falling)
    lower = np.zeros(HALF, np.int64)
    for part in parts():
        bits = _bits(part)
        lower += np.bincount(bits[bits >> HALF_BITS == top] & (HALF - 1), minlength=HALF)
    low, before_low = _bin(lower, falling - before_top)
    value = np.uint32((top << HALF_BITS) | low).view(np.float32)
    return Bar(value, falling - before_top - before_low)


def _bits(part: Scores) -> NDArray[np.uint32]:
    return np.ascontiguousarray(part, np.float32).view(np.uint32)


def _bin(counts: NDArray[np.int64], wanted: int) -> tuple[int, int]:
    """The bin that holds the `wanted`th number, counted from 1, and how many lie before it."""
    totals = np.cumsum(counts)
    found = int(np.searchsorted(totals, wanted))
    return found, int(totals[found] - counts[found])
