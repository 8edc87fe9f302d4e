"""GPTQ on grids of blocks: each error made good by the columns still to come.

Frantar, Ashkboos, Hoefler and Alistarh, "GPTQ: Accurate Post-Training Quantization for
Generative Pre-trained Transformers", arXiv:2210.17323, algorithm 1; what is minimised is

    |W X - Q X|^2 = sum over rows of (w - q) H (w - q)',   H = E[x x']

    W, Q (rows, n)  weights of one group and their grid's levels;  H (n, n)

The inputs x are those of the net whose earlier layers are quantized already. The scales of a
block are made of the weights it holds when its first column comes up, as section 4 of the
paper does for groups; one scale a row or a tensor is made of the original weights. Damping
grows where calibration gave few rows for the columns. Columns keep their order.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from worker.engine.layerwise.feedback import BLOCK, factor, with_feedback
from worker.engine.layerwise.moments import Doubles
from worker.engine.quantize.blocks.grid import (
    Floats,
    Levels,
    Quantized,
    Scales,
    first_scales,
    to_nearest,
)


def gptq(
    weight: Floats,
    moments: Doubles,
    damping: float,
    fixed: Scales | None,
    levels: Levels,
    width: int,
    kept: NDArray[np.bool_] | None = None,
) -> Quantized:
    """(rows, n) weights with inputs of these (n, n) second moments. `fixed` scales are taken
    as they are; without them a block makes its own. Zeros stay where `kept` is False."""
    grid = _Fixed(fixed) if fixed is not None else _InBlocks(levels, width)
    codes = with_feedback(weight, factor(moments, damping), grid, kept)
    return Quantized(codes.astype(np.uint8), grid.scales)


@dataclass(slots=True)
class _Fixed:
    """Scales that are known before."""

    scales: Scales
    width: int = BLOCK

    def begin(self, column: int, left: Floats) -> None:
        """Nothing depends on the weights."""

    def codes(self, column: int, weights: Floats) -> Floats:
        scale, zero = self._of(column)
        return to_nearest(weights, scale, zero, self.scales.levels)

    def values(self, column: int, codes: Floats) -> Floats:
        scale, zero = self._of(column)
        return (codes - zero) * scale

    def _of(self, column: int) -> tuple[Floats, Floats]:
        block = column // self.scales.width
        return self.scales.scale[:, block], self.scales.zero[:, block]


@dataclass(slots=True)
class _InBlocks:
    """Scales of each block from the weights that it holds when it begins."""

    levels: Levels
    width: int
    made: list[Scales] = field(default_factory=list)

    @property
    def scales(self) -> Scales:
        """Of all blocks so far."""
        scale = np.concatenate([one.scale for one in self.made], axis=1)
        zero = np.concatenate([one.zero for one in self.made], axis=1)
        return Scales(self.levels, self.width, scale, zero)

    def begin(self, column: int, left: Floats) -> None:  # noqa: ARG002 - blocks are in order
        self.made.append(first_scales(left.T, self.levels, self.width))

    def codes(self, column: int, weights: Floats) -> Floats:  # noqa: ARG002 - of this block
        now = self.made[-1]
        return to_nearest(weights, now.scale[:, 0], now.zero[:, 0], self.levels)

    def values(self, column: int, codes: Floats) -> Floats:  # noqa: ARG002 - of this block
        now = self.made[-1]
        return (codes - now.zero[:, 0]) * now.scale[:, 0]
