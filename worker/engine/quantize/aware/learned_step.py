"""Learned step sizes: rounding to a grid whose step has a gradient.

Esser, McKinstry, Bablani, Appuswamy and Modha, "Learned Step Size Quantization",
arXiv:1902.08153, equations 1 to 5; offsets as in Bhalgat et al., "LSQ+", arXiv:2004.09576,
equations 1 to 5.

    q      = clamp(round(x / s) + z, low, high)     round: ties to even
    x'     = s (q - z)                              z = clamp(round(-b / s), low, high)
    v      = x / s + z
    dx'/dx = 1 where low < v < high, else 0
    dx'/ds = round(v) - v where low < v < high, low where v <= low, high where v >= high
    dx'/db = 0 where low < v < high, else 1

    x  a tensor      s > 0  its step, or one for each output channel
    q  integers      b      the offset: what the integer `low` = 0 stands for; 0 without one

The gradients of s and b are scaled by g = 1 / sqrt(N high), with N the weights of the step, or
the features of one example.

Two deviations. An ONNX grid has a whole zero point, so b acts through z, with the gradient
that it would have unrounded. And what the optimiser moves is s / s_0, with the gradient
g dL/ds / s_0: plain descent then moves s exactly as in the paper, while Adam, which does not
see how large a gradient is, moves every step in proportion to its own size.
"""

import math
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True)
class Integers:
    """The integers from `low` to `high`, both included."""

    low: int
    high: int

    @classmethod
    def signed(cls, bits: int) -> "Integers":
        """-2^(bits-1) to 2^(bits-1) - 1."""
        half = 1 << (bits - 1)
        return cls(-half, half - 1)

    def gradient_scale(self, elements: int) -> float:
        """What g is for a step that `elements` numbers share."""
        return 1 / math.sqrt(elements * self.high)

    def nearest(self, v: Tensor) -> Tensor:
        """The integers q as floats, of the shape of v; never minus zero."""
        return v.round().clamp_(self.low, self.high).add_(0.0)

    def inside(self, v: Tensor) -> Tensor:
        """Where v is not clamped, as booleans of its shape."""
        return (v > self.low) & (v < self.high)

    def slope(self, v: Tensor) -> Tensor:
        """dx'/ds at v, of its shape."""
        clamped = v.clamp(self.low, self.high)
        return clamped.round() - clamped.where(self.inside(v), 0.0)


BYTE = Integers(0, 255)
