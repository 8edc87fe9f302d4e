"""Naturals as a token of 8 bits and, for the large ones, some raw bits.

With `direct` = d (1 to 192) tokens 0 to d - 1 are the naturals themselves. A larger natural n
goes into buckets of 1 1 2 2 4 4 8 8 ... naturals each:

    u = n - d + 2,  e = bits of u - 1,  m = e - 1
    token = d + 2 m + (bit m of u),  raw = the m lowest bits of u

so n < 2**32 has a token below d + 64 and at most 31 raw bits.
"""

import numpy as np
from numpy.typing import NDArray

MOST_DIRECT = 192
ALPHABET = 256


def raw_widths(tokens: NDArray[np.uint8], direct: int) -> NDArray[np.uint8]:
    """How many raw bits each token has."""
    widths = np.zeros(ALPHABET, np.uint8)
    widths[direct:] = np.minimum(np.arange(ALPHABET - direct) >> 1, 31)
    return widths[tokens]


def least_natural(tokens: NDArray[np.uint8], direct: int) -> NDArray[np.int64]:
    """The natural of each token if all its raw bits are zero."""
    naturals = np.arange(ALPHABET)
    bucket = naturals[direct:] - direct
    naturals[direct:] = ((2 + (bucket & 1)) << np.minimum(bucket >> 1, 31)) + direct - 2
    return naturals[tokens]
