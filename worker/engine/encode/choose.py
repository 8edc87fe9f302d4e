"""The coding of a tensor that takes the fewest bytes."""

from collections.abc import Iterator

import numpy as np

from lathe.packed import dtypes
from lathe.packed.head.plan import Constant, Spelled, Squeezed, Stored
from worker.engine.checkpoint import Multiples
from worker.engine.encode.as_codebook import as_codebook
from worker.engine.encode.as_grid import as_grid
from worker.engine.encode.as_integers import as_integers
from worker.engine.encode.as_planes import as_planes
from worker.engine.encode.choice import Choice
from worker.engine.encode.squeeze import may_be_squeezed, squeeze

_SPELLED_BYTES = 64
_SPELLED_COST = {True: 1.0, False: 0.4}  # a byte of floats, of anything else
_ELEMENT_BITS = {8, 16, 32, 64}


def choose(
    data: memoryview, data_type: int, dims: tuple[int, ...], hint: Multiples | None = None
) -> Choice:
    """How to code the bytes of a tensor; data type 0 for bytes that are no numbers. Every
    choice gives back each bit, NaN payloads and the signs of zeros included."""
    if not data:
        return Choice(Stored(), 0)
    period = max(dtypes.bits_of(data_type) or 8, 8) // 8
    if len(data) > period and data[period:] == data[:-period]:
        return Choice(Constant(bytes(data[:period])), period)
    return min(_choices(data, data_type, dims, hint), key=lambda choice: choice.size_bytes)


def _choices(
    data: memoryview, data_type: int, dims: tuple[int, ...], hint: Multiples | None
) -> Iterator[Choice]:
    yield Choice(Stored(), len(data))
    is_float = data_type in dtypes.FLOATS
    if len(data) <= _SPELLED_BYTES:
        yield Choice(Spelled(bytes(data)), len(data) * _SPELLED_COST[is_float])
    if not is_float and may_be_squeezed(data):
        squeezed = squeeze(data)
        yield Choice(Squeezed(len(squeezed)), len(squeezed) + 2, stored=(squeezed,))
    bits = dtypes.bits_of(data_type)
    if data_type in dtypes.SIGNED | dtypes.UNSIGNED:
        yield from as_integers(data, data_type, dims)
    if bits in _ELEMENT_BITS:
        patterns = np.frombuffer(data, f"<u{bits // 8}").reshape(dims)
        on_grid = list(as_grid(patterns, data_type, hint)) if is_float else []
        yield from on_grid
        yield from as_codebook(patterns)
        if not on_grid and bits > 8:  # noqa: PLR2004 - a single plane is integers
            yield from as_planes(patterns, data_type)
