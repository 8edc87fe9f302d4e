"""About how many bytes symbols take, for choosing between codings."""

import numpy as np
from numpy.typing import NDArray

from worker.engine.encode.cost import coded_bits

_TABLE_BYTES = 1.5  # of each distinct symbol
_STREAM_BYTES = 3.0


def symbol_bytes(codes: NDArray[np.int32]) -> float:
    """About how many bytes of a stream the codes (rows, columns) take: by the densities of
    rows and columns or, if that is less, by their order-0 entropy and a table."""
    if not codes.size:
        return 0.0
    _, counts = np.unique(codes, return_counts=True)
    entropy = float(-(counts * np.log2(counts / codes.size)).sum())
    plain = entropy / 8 + _TABLE_BYTES * len(counts)
    return min(plain, coded_bits(codes) / 8) + _STREAM_BYTES
