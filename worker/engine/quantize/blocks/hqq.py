"""Scales and zero points that lose least in an l_p norm, p <= 1, block by block.

Badri and Shaji, "Half-Quadratic Quantization of Large Machine Learning Models" (2023),
https://dropbox.github.io/hqq_blog/. With e in place of the error and a penalty beta that grows,
two steps that each have a closed form take turns:

    e     <-  shrink(w - w', beta),   shrink(x) = sign(x) max(0, |x| - |x|^(p-1) / beta)
    z     <-  mean over the block of  q - (w - e) / s
    beta  <-  1.01 beta

    w (rows, blocks, width)   weights;  q codes;  s, z (rows, blocks, 1) scales, zero points

Deviations: the scale is solved for as well, s = <w - e, q - z> / <q - z, q - z>, because a
symmetric grid has no zero point to move, and z is a whole number, so that zero stays a level.
Errors are taken in units of the first scale, so beta means the same for every block. What is
kept of a block is its best round in sum |w - w'|^p: no block gets worse than its first range.
Padding behind the last column lies on a level and moves nothing but the mean, of which it is
left out.
"""

import numpy as np
from numpy.typing import NDArray

from worker.engine.quantize.blocks.grid import (
    Floats,
    Levels,
    Scales,
    blocked,
    to_bfloat16,
    to_nearest,
)

BETA, GROWTH = 10.0, 1.01
SMALLEST = 1e-6  # of an error in steps: below it the power is as good as infinite


def half_quadratic(weight: Floats, first: Scales, norm: float, iterations: int) -> Scales:
    """Better scales for (rows, columns) weights than `first`, of the same blocks."""
    levels, width = first.levels, first.width
    folded = blocked(weight, width)
    real = blocked(np.ones_like(weight), width)  # 0 for padding
    unit = np.abs(first.scale)[..., None]
    scale, zero = first.scale[..., None], first.zero[..., None]
    best_scale, best_zero = scale, zero
    least: Floats = np.full_like(scale, np.inf)
    beta = BETA
    for _ in range(iterations):
        codes = to_nearest(folded, scale, zero, levels)
        error = ((folded - (codes - zero) * scale) / unit).astype(np.float32)
        size: Floats = np.abs(error)
        power: Floats = np.maximum(size, SMALLEST) ** np.float32(norm - 1)
        lost = (size * power).sum(axis=2, keepdims=True)
        better = lost < least
        if not better.any():
            break
        least = np.minimum(least, lost)
        best_scale = np.where(better, scale, best_scale)
        best_zero = np.where(better, zero, best_zero)
        shrunk = np.sign(error) * np.maximum(size - power / np.float32(beta), 0)
        target: Floats = folded - unit * shrunk
        scale, zero = _solved(target, codes, scale, zero, real, levels)
        beta *= GROWTH
    return Scales(levels, width, best_scale[..., 0], best_zero[..., 0])


def _solved(
    target: Floats,
    codes: NDArray[np.float32],
    scale: Floats,
    zero: Floats,
    real: Floats,
    levels: Levels,
) -> tuple[Floats, Floats]:
    """The next scales and zero points, (rows, blocks, 1)."""
    if not levels.symmetric:
        offsets = (codes - target / scale) * real
        mean = offsets.sum(axis=2, keepdims=True) / real.sum(axis=2, keepdims=True)
        zero = np.clip(np.rint(mean), 0, levels.last)
    steps = (codes - zero) * real
    square = (steps * steps).sum(axis=2, keepdims=True)
    ahead = (steps * target).sum(axis=2, keepdims=True)
    solved: Floats = ahead / np.maximum(square, np.float32(1))
    usable = np.sign(solved) == np.sign(scale)
    return np.where(usable, to_bfloat16(solved), scale), zero
