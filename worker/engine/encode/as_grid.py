"""A float tensor as symbols times steps."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from lathe.packed import dtypes
from lathe.packed.head.plan import Grid
from lathe.packed.head.read_plan import STEPS_IN_HEAD
from worker.engine.checkpoint import Multiples
from worker.engine.encode.choice import Choice
from worker.engine.encode.grids import OnGrid, find_grids
from worker.engine.encode.layouts import best_layout
from worker.engine.encode.symbol_bytes import symbol_bytes

_FLOATS = {dtypes.FLOAT: "<f4", dtypes.FLOAT16: "<f2", dtypes.DOUBLE: "<f8"}
_HEADER_BYTES = 4


def as_grid(
    patterns: NDArray[np.unsignedinteger], data_type: int, hint: Multiples | None
) -> Iterator[Choice]:
    """The tensor of these bit patterns on the grids that it lies on."""
    if data_type not in _FLOATS:
        return
    for grid in find_grids(patterns.view(_FLOATS[data_type]), hint):
        yield from _coded(grid)


def _coded(grid: OnGrid) -> Iterator[Choice]:
    layout, matrix, size_bytes = best_layout(grid.codes)
    steps = grid.steps.view(np.uint32).astype(np.int64)
    kept = _kept(steps)
    if len(steps) <= STEPS_IN_HEAD:
        told = tuple(int(step) for step in steps)
        plan = Grid(layout, grid.axis, kept, told)
        yield Choice(plan, size_bytes + _HEADER_BYTES + kept * len(told), (matrix,))
        return
    low = 8 * (4 - kept)
    base = int(np.median(steps >> low))
    differences = (steps >> low) - base
    if np.abs(differences).max() < 1 << 31:
        symbols = differences.astype(np.int32).reshape(1, -1)
        plan = Grid(layout, grid.axis, kept, None, base << low)
        size_bytes += _HEADER_BYTES + kept + symbol_bytes(symbols)
        yield Choice(plan, size_bytes, (matrix, symbols))


def _kept(steps: NDArray[np.int64]) -> int:
    """How many of the four bytes of the steps are not zero in all of them."""
    for lost in (3, 2, 1):
        if not np.any(steps & (1 << 8 * lost) - 1):
            return 4 - lost
    return 4
