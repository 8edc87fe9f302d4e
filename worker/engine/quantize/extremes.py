"""The smallest and the largest numbers of a tensor, read once, block by block."""

import numpy as np
from numpy.typing import NDArray

from worker.engine.onnx_file.blocks import blocks
from worker.engine.quantize.original import Original

Floats = NDArray[np.float32]


def extremes(original: Original, axis: int) -> tuple[Floats, Floats]:
    """(size of `axis`,) minima and maxima of what the quantizer is shown, over other axes."""
    values = original.values
    if original.turned:  # rows of the file are columns here, and rows are what is read quickly
        values, axis = values.T, 1 - axis
    rest = tuple(k for k in range(values.ndim) if k != axis)
    low = np.full(values.shape[axis], np.inf, np.float32)
    high = np.full(values.shape[axis], -np.inf, np.float32)
    for rows in blocks(values):
        part, mine = values[rows], rows if axis == 0 else slice(None)
        low[mine] = np.minimum(low[mine], part.min(axis=rest))
        high[mine] = np.maximum(high[mine], part.max(axis=rest))
    return low, high
