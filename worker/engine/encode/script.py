"""The bits of a matrix in the order in which lathe.packed.adaptive asks for them."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from lathe.packed.settings import DENSITY_BITS, MAGNITUDE_BITS, SIDE_BITS, Settings
from lathe.packed.values import LENGTH_BITS, UNARY

Codes = NDArray[np.int32]


def script(codes: Codes, settings: Settings) -> Iterator[int]:
    """All bits of `codes` (rows, columns) under `settings`."""
    yield from _number(settings.density, DENSITY_BITS)
    yield from _number(settings.magnitude, MAGNITUDE_BITS)
    mapped = settings.width > 0
    yield from map(int, (settings.transposed, settings.row_mask, settings.column_mask, mapped))
    if mapped:
        yield from _number(settings.height - 1, SIDE_BITS)
        yield from _number(settings.width - 1, SIDE_BITS)
    yield from _matrix(codes.T if settings.transposed else codes, settings)


def _matrix(codes: Codes, settings: Settings) -> Iterator[int]:
    live = np.flatnonzero((codes != 0).any(0) | (not settings.column_mask))
    if settings.column_mask:
        yield from np.isin(np.arange(codes.shape[1]), live).astype(int).tolist()
    for row in codes if live.size else ():
        alive = bool(row.any())
        if settings.row_mask:
            yield int(alive)
        if alive or not settings.row_mask:
            for code in row[live].tolist():
                yield from _code(code)


def _code(code: int) -> Iterator[int]:
    if not code:
        yield 0
        return
    yield 1
    yield int(code < 0)
    size = abs(code)
    if size < UNARY:
        yield from (1,) * (size - 1)
        yield 0
        return
    yield from (1,) * (UNARY - 1)
    over = size - UNARY
    yield from _number(over.bit_length(), LENGTH_BITS)
    yield from _number(over, over.bit_length())


def _number(number: int, width: int) -> Iterator[int]:
    return (number >> place & 1 for place in reversed(range(width)))
