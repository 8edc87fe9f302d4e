"""Affine grids of blocks of weights, and rounding to the nearest level of them.

    q = clamp(round(w / s) + z, 0, 2^b - 1),   w' = s (q - z)

    w (rows, columns)   weights, one row for each output
    s (rows, blocks)    scales, one for `width` columns of a row, or for all of them
    z (rows, blocks)    zero points, whole numbers in 0 .. 2^b - 1

Jacob et al. 2018, arXiv:1712.05877, equation 1. Zero is always a level, so pruned weights stay
pruned. First ranges:

    asymmetric   s = (high - low) / (2^b - 1),  z = round(-low / s),  low <= 0 <= high
    symmetric    s = e / -2^(b-1),  z = 2^(b-1),  e the weight of the largest magnitude

The symmetric scale takes the sign that puts e on the level -2^(b-1), which has no counterpart.
Scales are bfloat16 numbers, which packed files hold in two bytes, rounded away from zero so
that no weight lies beyond the last level.
"""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Codes = NDArray[np.uint8]
Scalar = TypeVar("Scalar", bound=np.generic)

LOW_BITS = np.uint32(0xFFFF)  # of a float32, that a bfloat16 does not have
HALF_OF_THEM = np.uint32(0x8000)


@dataclass(frozen=True, slots=True)
class Levels:
    """2^bits levels; symmetric ones have one zero point for all blocks."""

    bits: int
    symmetric: bool

    @property
    def last(self) -> int:
        """The largest code."""
        return (1 << self.bits) - 1

    @property
    def middle(self) -> int:
        """The zero point of symmetric grids."""
        return 1 << (self.bits - 1)


@dataclass(frozen=True, slots=True)
class Scales:
    """`scale` float32 and `zero` (whole numbers) of every block, both (rows, blocks)."""

    levels: Levels
    width: int
    scale: Floats
    zero: Floats

    def along(self, columns: slice) -> tuple[Floats, Floats]:
        """Scale and zero point of each of these columns, (rows, columns) both."""
        place = np.arange(columns.start, columns.stop) // self.width
        return self.scale[:, place], self.zero[:, place]


@dataclass(frozen=True, slots=True)
class Quantized:
    """`codes` (rows, columns) and their grid."""

    codes: Codes
    scales: Scales

    @property
    def values(self) -> Floats:
        """(rows, columns) as the runtime computes them: the difference is exact."""
        scale, zero = self.scales.along(slice(0, self.codes.shape[1]))
        return (self.codes.astype(np.float32) - zero) * scale

    def in_blocks(self, width: int) -> Codes:
        """Codes (rows, blocks, width); behind the last column stand codes of zero."""
        codes = blocked(self.codes, width)
        short = codes.shape[1] * width - self.codes.shape[1]
        if short:
            codes[:, -1, width - short :] = self.scales.zero[:, -1:].astype(np.uint8)
        return codes


def first_scales(weight: Floats, levels: Levels, width: int) -> Scales:
    """The scales of (rows, columns) weights from the extremes of each block."""
    folded = blocked(weight, width)
    low, high = folded.min(axis=2), folded.max(axis=2)
    return scales_of_range(np.minimum(low, 0), np.maximum(high, 0), levels, width)


def scales_of_range(low: Floats, high: Floats, levels: Levels, width: int) -> Scales:
    """Scales from the least and the largest weight of each block, low <= 0 <= high."""
    if levels.symmetric:
        furthest: Floats = np.where(-low > high, low, high)
        scale = away_from_zero((furthest / -levels.middle).astype(np.float32))
        return Scales(levels, width, scale, np.full_like(scale, levels.middle))
    scale = away_from_zero(((high - low) / levels.last).astype(np.float32))
    zero = np.clip(np.rint(-low / scale), 0, levels.last)
    return Scales(levels, width, scale, zero.astype(np.float32))


def away_from_zero(scale: Floats) -> Floats:
    """The next bfloat16 number of no smaller magnitude; 1 where that is no normal number."""
    return _normal((scale.view(np.uint32) + LOW_BITS) & ~LOW_BITS)


def to_bfloat16(scale: Floats) -> Floats:
    """The nearest bfloat16 number, ties away from zero; 1 where that is no normal number."""
    return _normal((scale.view(np.uint32) + HALF_OF_THEM) & ~LOW_BITS)


def _normal(bits: NDArray[np.uint32]) -> Floats:
    scale: Floats = bits.view(np.float32)
    return np.where(np.abs(scale) < np.finfo(np.float32).tiny, np.float32(1), scale)


def to_nearest(
    values: Floats, scale: Floats, zero: Floats, levels: Levels
) -> NDArray[np.float32]:
    """Codes as whole floats, ties to even; all of one shape, or broadcast to it."""
    codes: Floats = np.clip(np.rint(values / scale) + zero, 0, levels.last)
    return codes


def rounded(weight: Floats, scales: Scales) -> Quantized:
    """Every weight at the nearest level of its block."""
    scale, zero = scales.along(slice(0, weight.shape[1]))
    return Quantized(to_nearest(weight, scale, zero, scales.levels).astype(np.uint8), scales)


def blocked(weight: NDArray[Scalar], width: int) -> NDArray[Scalar]:
    """(rows, columns) as (rows, blocks, width), zeros behind the last column."""
    rows, columns = weight.shape
    blocks = -(-columns // width)
    padded: NDArray[Scalar] = np.zeros((rows, blocks * width), weight.dtype)
    padded[:, :columns] = weight
    return padded.reshape(rows, blocks, width)


def one_if_equal(values: Floats) -> Floats:
    """(rows, blocks) values, or (1, 1) where all are the same."""
    return values[:1, :1] if np.all(values == values[0, 0]) else values
