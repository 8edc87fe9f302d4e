"""Whole numbers of 0 to 33 bits each, laid end to end, the least significant bit first.

Bit k of the stream is bit `k % 8` (1 << k % 8) of byte `k // 8`; the last byte is filled up
with zeros.
"""

import numpy as np
from numpy.typing import NDArray

from lathe.errors import CorruptPacked

AT_ONCE = 1 << 16  # numbers: bounds the memory that a call needs beside its answer
WIDEST = 33  # bits: with 7 bits in front of it such a number lies within 5 bytes


def unpack_bits(data: memoryview, widths: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The `len(widths)` numbers of which `data` holds `widths[i]` <= 33 bits each.

    Raises CorruptPacked unless `data` has exactly the bytes that takes.
    """
    total = int(widths.sum(dtype=np.int64))
    if len(data) != -(-total // 8):
        raise CorruptPacked(f"{len(data)} bytes do not hold exactly {total} bits")
    numbers = np.zeros(len(widths), np.int64)
    held = np.frombuffer(bytes(data) + bytes(8), np.uint8)
    start = 0
    for first in range(0, len(widths), AT_ONCE):
        some = widths[first : first + AT_ONCE].astype(np.int64)
        ends = start + np.cumsum(some)
        begins = ends - some
        place = begins >> 3
        window = np.zeros(len(some), np.int64)
        for byte in range(5):
            window |= held[place + byte].astype(np.int64) << 8 * byte
        numbers[first : first + AT_ONCE] = window >> (begins & 7) & (1 << some) - 1
        start = int(ends[-1])
    return numbers
