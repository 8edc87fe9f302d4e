"""A tensor as the planes of its bytes, those coded that have little in them."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from lathe.packed import dtypes
from lathe.packed.head.plan import Layout, Plane, Planes
from worker.engine.encode.choice import Choice
from worker.engine.encode.symbol_bytes import symbol_bytes

_HEADER_BYTES = 3
_PAYS = 0.98  # of a plane's bytes: less gain is not worth its time


def as_planes(patterns: NDArray[np.unsignedinteger], data_type: int) -> Iterator[Choice]:
    """The tensor of these bit patterns as byte planes. Of floats the sign goes to the lowest
    bit, so that the highest byte is the exponent."""
    layout = Layout(min(1, patterns.ndim))
    bits = 8 * patterns.dtype.itemsize
    if data_type in dtypes.FLOATS:
        one, rest = patterns.dtype.type(1), patterns.dtype.type(bits - 1)
        patterns = np.bitwise_or(patterns << one, patterns >> rest)
    rows, columns = layout.shape(patterns.shape)
    count = rows * columns
    table = np.ascontiguousarray(patterns).reshape(count, 1).view(np.uint8)
    size_bytes: float = _HEADER_BYTES
    planes, matrices, stored = [], [], []
    for place in range(table.shape[1] - 1, -1, -1):
        plane = np.ascontiguousarray(table[:, place])
        counts = np.bincount(plane, minlength=256)
        common = int(np.argmax(counts))
        codes = (plane.astype(np.int32) - common).reshape(rows, columns)
        if counts[common] == count:
            planes.append((Plane.CONSTANT, common))
        elif (coded := symbol_bytes(codes)) < _PAYS * count:
            planes.append((Plane.SYMBOLS, common))
            matrices.append(codes)
            size_bytes += coded
        else:
            planes.append((Plane.STORED, 0))
            stored.append(plane.tobytes())
            size_bytes += count
    yield Choice(Planes(layout, tuple(planes)), size_bytes, tuple(matrices), tuple(stored))
