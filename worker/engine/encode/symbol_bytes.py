"""About how many bytes symbols take, for choosing between codings."""

import numpy as np
from numpy.typing import NDArray

_TABLE_BYTES = 1.5  # of each distinct symbol
_STREAM_BYTES = 3.0


def symbol_bytes(codes: NDArray[np.int32]) -> float:
    """About how many bytes of a stream the codes take: their order-0 entropy and a table."""
    if not codes.size:
        return 0.0
    _, counts = np.unique(codes, return_counts=True)
    bits = float(-(counts * np.log2(counts / codes.size)).sum())
    return bits / 8 + _TABLE_BYTES * len(counts) + _STREAM_BYTES
