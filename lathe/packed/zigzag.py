"""Signed integers as natural numbers, small magnitudes first: 0 -1 1 -2 2 ... -> 0 1 2 3 4 ...

natural = 2 |q| - [q < 0]

Every int32 has a natural below 2**32.
"""

import numpy as np
from numpy.typing import NDArray

from lathe.errors import CorruptPacked

LARGEST = (1 << 32) - 1  # of -2**31, the last integer of 32 bits


def zigzag(codes: NDArray[np.int32]) -> NDArray[np.int64]:
    """The natural number of each code; the shape is kept."""
    wide = codes.astype(np.int64)
    return 2 * np.abs(wide) - (wide < 0)


def unzigzag(naturals: NDArray[np.int64]) -> NDArray[np.int32]:
    """The codes back; raises CorruptPacked for a natural that no int32 has."""
    if naturals.size and int(naturals.max()) > LARGEST:
        raise CorruptPacked("a code is beyond 32 bits")
    magnitude = (naturals + 1) >> 1
    return np.where(naturals & 1, -magnitude, magnitude).astype(np.int32)
