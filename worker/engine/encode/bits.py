"""The writing half of lathe.packed.bits."""

import numpy as np
from numpy.typing import NDArray

from lathe.packed.bits import AT_ONCE


def pack_bits(numbers: NDArray[np.int64], widths: NDArray[np.uint8]) -> bytes:
    """`numbers[i]`, 0 <= number < 2**widths[i], end to end in `widths[i]` bits each."""
    parts: list[bytes] = []
    over = np.zeros(0, np.uint8)  # bits that do not fill a byte yet
    for first in range(0, len(numbers), AT_ONCE):
        some = widths[first : first + AT_ONCE].astype(np.int64)
        which = np.repeat(np.arange(len(some)), some)
        bit = np.arange(len(which)) - np.repeat(np.cumsum(some) - some, some)
        fresh = numbers[first : first + AT_ONCE][which] >> bit & 1
        bits = np.concatenate([over, fresh.astype(np.uint8)])
        whole = len(bits) // 8 * 8
        parts.append(np.packbits(bits[:whole], bitorder="little").tobytes())
        over = bits[whole:]
    parts.append(np.packbits(over, bitorder="little").tobytes())
    return b"".join(parts)
