"""Symbols of one width: what codes without any structure cost least.

section = width u8 (1 to 32), then one number of `width` bits for each code (bits.py),
          row by row: the code's natural number (zigzag.py)

A width of 32 bits holds every int32.
"""

import numpy as np
from numpy.typing import NDArray

from lathe.errors import CorruptPacked
from lathe.packed.bits import AT_ONCE, unpack_bits
from lathe.packed.zigzag import unzigzag

WIDEST = 32


def decode_fixed_width(section: memoryview, rows: int, columns: int) -> NDArray[np.int32]:
    """The codes (rows, columns) of a section; raises CorruptPacked."""
    width = section[0] if section else 0
    if not 1 <= width <= WIDEST:
        raise CorruptPacked(f"symbols of {width} bits")
    codes = np.zeros(rows * columns, np.int32)
    if len(section) != 1 + -(-len(codes) * width // 8):
        raise CorruptPacked(f"{len(section)} bytes for {len(codes)} symbols of {width} bits")
    for first in range(0, len(codes), AT_ONCE):  # AT_ONCE symbols fill whole bytes
        some = codes[first : first + AT_ONCE]
        begin = 1 + first * width // 8
        part = section[begin : begin + -(-len(some) * width // 8)]
        some[:] = unzigzag(unpack_bits(part, np.full(len(some), width, np.uint8)))
    return codes.reshape(rows, columns)
