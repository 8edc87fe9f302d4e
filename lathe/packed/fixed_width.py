"""Symbols of one width: what codes without any structure cost least.

section = width u8 (1 to 32), then one number of `width` bits for each code (bits.py),
          row by row: the code's natural number (zigzag.py)

A width of 32 bits holds every int32.
"""

import numpy as np
from numpy.typing import NDArray

from lathe.errors import CorruptPacked
from lathe.packed.bits import unpack_bits
from lathe.packed.zigzag import unzigzag

WIDEST = 32


def decode_fixed_width(section: memoryview, rows: int, columns: int) -> NDArray[np.int32]:
    """The codes (rows, columns) of a section; raises CorruptPacked."""
    width = section[0] if section else 0
    if not 1 <= width <= WIDEST:
        raise CorruptPacked(f"symbols of {width} bits")
    widths = np.full(rows * columns, width, np.uint8)
    return unzigzag(unpack_bits(section[1:], widths)).reshape(rows, columns)
