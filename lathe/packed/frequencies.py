"""Frequencies that sum to 4096, from weights of one byte each on a logarithmic scale.

    weight(0) = 0, weight(b) = floor(16 * 2**((b - 1) / 16)) for b = 1 to 255

in integers: 16 * 2**((b - 1) // 16) * root[(b - 1) % 16] // 65536, where root[k] is the whole
part of 65536 * 2**(k / 16). With c weights above zero, S their sum and T the total to share,

    frequency_i = 1 + weight_i * (T - c) // S    (0 where the weight is 0)

and what is left of T goes to the first of the largest weights.
"""

from math import isqrt

import numpy as np
from numpy.typing import NDArray

from lathe.errors import CorruptPacked

PRECISION = 12  # bits
TOTAL = 1 << PRECISION

ROOTS = [isqrt(isqrt(isqrt(isqrt(1 << 256 + k)))) for k in range(16)]
WEIGHTS = np.array([0, *(16 * (ROOTS[b % 16] << b // 16) >> 16 for b in range(255))], np.int64)


def frequencies(weights: NDArray[np.uint8], total: int = TOTAL) -> NDArray[np.int64]:
    """The frequencies (tokens,) of `weights` (tokens,); zeros where all weights are zero.

    Raises CorruptPacked where `total` cannot give every token at least one.
    """
    heavy = WEIGHTS[weights]
    count, mass = int(np.count_nonzero(heavy)), int(heavy.sum())
    if not count:
        return heavy
    if count > total:
        raise CorruptPacked(f"{count} tokens share {total}")
    shares = np.where(heavy > 0, 1 + heavy * (total - count) // mass, 0)
    shares[int(heavy.argmax())] += total - int(shares.sum())
    return shares
