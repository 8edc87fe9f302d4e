"""Weights as zero and signed powers of two.

Zhou, Yao, Guo, Xu and Chen, "Incremental Network Quantization: Towards Lossless CNNs with
Low-Precision Weights", arXiv:1702.03044, equations 1 to 4:

    P = {+-2^n1, ..., +-2^n2, 0},   n1 = floor(log2(4 s / 3)),   s = max |w|
    w' = sign(w) b   where (a + b) / 2 <= |w| < 3 b / 2,  a < b neighbours in P;  else 0

So a power 2^n takes weights from 3/4 to 3/2 of it, the smallest one from 1/2 on. The paper
spends 2^(bits-2) powers; here it is 2^(bits-1) - 1, as many as the bits can tell apart
beside zero.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
LEAST_EXPONENT = -126  # of a normal float32


@dataclass(frozen=True, slots=True)
class Powers:
    """The powers from 2^`smallest` to 2^`largest`."""

    largest: int
    smallest: int

    @property
    def count(self) -> int:
        """How many."""
        return self.largest - self.smallest + 1


def powers(largest_weight: float, bits: int) -> Powers:
    """The powers for a tensor whose largest magnitude this is, above zero."""
    largest = max(math.floor(math.log2(4 * largest_weight / 3)), LEAST_EXPONENT)
    return Powers(largest, max(largest - (1 << (bits - 1)) + 2, LEAST_EXPONENT))


def to_powers(weights: Floats, among: Powers) -> Floats:
    """Every weight's value, any shape."""
    size = np.abs(weights)
    _, above = np.frexp(size * np.float32(4 / 3))  # 2^(above - 1) <= 4/3 |w| < 2^above
    exponent = np.clip(above - 1, among.smallest, among.largest)
    value = np.ldexp(np.float32(1), exponent).astype(np.float32)
    lost = size < np.ldexp(np.float32(1), among.smallest - 1)
    found: Floats = np.where(lost, np.float32(0), np.copysign(value, weights))
    return found
