"""A tensor of few values as a table and symbols."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from lathe.packed.head.plan import Codebook
from worker.engine.encode.choice import Choice
from worker.engine.encode.layouts import best_layout

_MOST_ENTRIES = 4096
_SAMPLE = 1 << 16
_HEADER_BYTES = 5


def as_codebook(patterns: NDArray[np.unsignedinteger]) -> Iterator[Choice]:
    """The tensor of these bit patterns as a codebook, where it has few of them.

    The entries are ordered as floats and as signed integers are; the commonest is the symbol
    zero, its neighbours in the order are small symbols.
    """
    flat = patterns.ravel()
    most = min(_MOST_ENTRIES, flat.size // 2)
    if len(np.unique(flat[:: max(1, flat.size // _SAMPLE)])) > most:
        return
    entries, places, counts = np.unique(flat, return_inverse=True, return_counts=True)
    if len(entries) > most:
        return
    bits = 8 * patterns.dtype.itemsize
    negative = entries >> np.array(bits - 1, entries.dtype) == 1
    order = np.concatenate([np.flatnonzero(negative)[::-1], np.flatnonzero(~negative)])
    rank = np.empty(len(order), np.int32)
    rank[order] = np.arange(len(order), dtype=np.int32)
    zero = int(rank[np.argmax(counts)])
    codes = (rank[places] - np.int32(zero)).reshape(patterns.shape)
    layout, matrix, size_bytes = best_layout(codes)
    table = entries[order].reshape(-1, 1).view(np.uint8)  # little-endian: the high bytes last
    lost = int(np.argmax(table.any(axis=0))) if table.any() else 0
    stored = table[:, lost:].tobytes()
    plan = Codebook(layout, len(entries), zero, table.shape[1] - lost)
    yield Choice(plan, size_bytes + len(stored) + _HEADER_BYTES, (matrix,), (stored,))
