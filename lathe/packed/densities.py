"""How likely a code is not zero, by the rows before: logits of every live column.

With n rows so far that were coded, k of a column's codes not zero, g the density of all
codes so far (65536ths, as all of these):

    g       = (65536 ones + 40 first) / (codes + 40),  first: the density of the settings
    column  = (65536 k + 2 g) / (n + 2)
    around  = (65536 k' + 4 g) / (m n + 4),  k' and m: the sum and the number of its up to
              eight live neighbours on the map
    row     = (65536 r + 8 g) / (c + 8),     r ones among the first c live columns of the row

each rounded down, which keeps them below 65536. A level is one of 12, in steps of 136 of the
logit x: min(11, max(0, (x + 1590) // 136 + 1)).
"""

import numpy as np
from numpy.typing import NDArray

from lathe.packed.field import Field
from lathe.packed.logistic import LIMIT, STRETCH

LEVELS = 12
LEVEL = tuple(
    min(LEVELS - 1, max(0, (logit + 1590) // 136 + 1)) for logit in range(-LIMIT, LIMIT + 1)
)
_LOGITS = np.array(STRETCH)


class Densities:
    """Counts of codes that are not zero, by column."""

    def __init__(self, field: Field, places: NDArray[np.intp], first: int) -> None:
        """`places` of the live columns; `first`: the density to begin with, in 65536ths."""
        self._places = places
        self._around = places[:, None] + field.around
        live = np.zeros(field.size, np.int64)
        live[places] = 1
        self._neighbours = live[self._around].sum(1)
        self._counts = np.zeros(field.size, np.int64)
        self._first, self._rows, self._ones = first, 0, 0

    @property
    def overall(self) -> int:
        """The g of the formulas."""
        codes = self._rows * len(self._places)
        return ((self._ones << 16) + 40 * self._first) // (codes + 40)

    def logits(self) -> tuple[list[int], list[int]]:
        """Of `column` and of `around`, for each live column."""
        overall, rows = self.overall, self._rows
        column = ((self._counts[self._places] << 16) + 2 * overall) // (rows + 2)
        sums = self._counts[self._around].sum(1)
        around = ((sums << 16) + 4 * overall) // (self._neighbours * rows + 4)
        return _LOGITS[column].tolist(), _LOGITS[around].tolist()

    def add(self, codes: list[int]) -> None:
        """A row is known: its codes by place."""
        ones = np.flatnonzero(np.array(codes))
        self._counts[ones] += 1
        self._ones += len(ones)
        self._rows += 1


def row_logit(ones: int, seen: int, overall: int) -> int:
    """The logit of `row`."""
    return STRETCH[((ones << 16) + 8 * overall) // (seen + 8)]
