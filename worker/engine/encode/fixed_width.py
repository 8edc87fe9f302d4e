"""The writing half of lathe.packed.fixed_width."""

import numpy as np
from numpy.typing import NDArray

from lathe.packed.zigzag import zigzag
from worker.engine.encode.bits import pack_bits


def encode_fixed_width(codes: NDArray[np.int32]) -> bytes:
    """The section of `codes` (rows, columns), at least one of them not zero."""
    naturals = zigzag(codes).ravel()
    width = int(naturals.max()).bit_length()
    return bytes([width]) + pack_bits(naturals, np.full(len(naturals), width, np.uint8))


def fixed_width_bytes(codes: NDArray[np.int32]) -> int:
    """The length of that section."""
    return 1 + -(-codes.size * int(zigzag(codes).max()).bit_length() // 8)
