"""A tensor of integers as symbols and an offset."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from lathe.packed import dtypes
from lathe.packed.head.plan import Integers
from worker.engine.encode.choice import Choice
from worker.engine.encode.layouts import best_layout

_MOST_SPAN = 1 << 20
_HEADER_BYTES = 4


def as_integers(data: memoryview, data_type: int, dims: tuple[int, ...]) -> Iterator[Choice]:
    """The numbers in `data` as symbols, where they span little; the commonest is zero."""
    values = _values(data, data_type, dims)
    if values is None or not values.size:
        return
    least, most = int(values.min()), int(values.max())
    if most - least > min(_MOST_SPAN, 16 * values.size):
        return
    shifted = (values - least).astype(np.int64)
    offset = least + int(np.argmax(np.bincount(shifted.ravel())))
    codes = (values - offset).astype(np.int32)
    layout, matrix, size_bytes = best_layout(codes)
    yield Choice(Integers(layout, offset), size_bytes + _HEADER_BYTES, (matrix,))


def _values(
    data: memoryview, data_type: int, dims: tuple[int, ...]
) -> NDArray[np.int64] | None:
    """The integers; None where they do not fit 63 bits or fill bits that are no elements."""
    bits = dtypes.bits_of(data_type) or 0
    sign = "i" if data_type in dtypes.SIGNED else "u"
    if bits >= 8:  # noqa: PLR2004 - a byte
        values = np.frombuffer(data, f"<{sign}{bits // 8}")
        if values.size and int(values.max()) >> 62:
            return None
        return values.astype(np.int64).reshape(dims)
    shifts = np.arange(0, 8, bits, dtype=np.uint8)
    fields = (np.frombuffer(data, np.uint8)[:, None] >> shifts).ravel() & (1 << bits) - 1
    count = int(np.prod(dims, dtype=np.int64))
    if fields[count:].any():
        return None
    values = fields[:count].astype(np.int64)
    if sign == "i":
        values -= (values >> bits - 1) << bits
    return values.reshape(dims)
