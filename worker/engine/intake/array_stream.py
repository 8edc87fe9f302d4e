"""Arrays that pass by in pieces, never held whole."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from worker.engine.intake.npy_header import BadArrayError

CHUNK_BYTES = 1 << 20


def stored_values(
    read: Callable[[int], bytes], dtype: np.dtype[np.generic], elements: int
) -> Iterator[NDArray[np.generic]]:
    """The next `elements` numbers in pieces of about 1 MiB, in this machine's byte order.

    Raises BadArrayError where the source ends before them.
    """
    native = dtype.newbyteorder("=")
    per_chunk = CHUNK_BYTES // dtype.itemsize
    for start in range(0, elements, per_chunk):
        wanted_bytes = min(per_chunk, elements - start) * dtype.itemsize
        data = read_fully(read, wanted_bytes)
        if len(data) < wanted_bytes:
            raise BadArrayError("is cut short")
        yield np.frombuffer(data, dtype).astype(native, copy=False)


def read_fully(read: Callable[[int], bytes], size_bytes: int) -> bytes:
    """`size_bytes` bytes, or fewer where the source ends."""
    pieces, left = list[bytes](), size_bytes
    while left and (piece := read(left)):
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)
