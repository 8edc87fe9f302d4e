"""Which way round the symbols of a tensor cost least."""

import numpy as np
from numpy.typing import NDArray

from lathe.packed.head.plan import Layout
from worker.engine.encode.symbol_bytes import symbol_bytes

Codes = NDArray[np.int32]


def best_layout(codes: Codes) -> tuple[Layout, Codes, float]:
    """The layout of a tensor's codes, of any shape, that costs least: the layout, the matrix
    as it is coded, and about how many bytes it takes."""
    dims = codes.shape
    if len(dims) < 2:  # noqa: PLR2004 - rows and columns
        flat = codes.reshape(1, -1)
        return Layout(0), flat, symbol_bytes(flat)
    split = 1
    while split < len(dims) - 1 and dims[split - 1] == 1:
        split += 1  # recurrent weights begin with an axis of directions
    best: tuple[Layout, Codes, float] | None = None
    for turned in (False, True):
        layout = Layout(split, turned=turned)
        rows = codes.reshape(layout.shape(dims))
        matrix = np.ascontiguousarray(rows.T) if turned else rows
        size = symbol_bytes(matrix)
        if best is None or size < best[2]:
            best = layout, matrix, size
        if 1 in matrix.shape:
            break  # the same either way
    if best is None:
        raise AssertionError("there are two ways round")
    return best
