"""Stepping through a large array so that only a little of it is in memory at a time."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

BLOCK_BYTES = 1 << 20  # a few of them fit a core's cache at once


def blocks(values: NDArray[np.generic], size_bytes: int = BLOCK_BYTES) -> Iterator[slice]:
    """Slices of the first axis, in order, of about `size_bytes` each and one row at least.

    An array without axes has no blocks; give it as `values.reshape(-1)`.
    """
    rows = len(values)
    row_bytes = max(1, values.nbytes // max(1, rows))
    step = max(1, size_bytes // row_bytes)
    for start in range(0, rows, step):
        yield slice(start, min(start + step, rows))
