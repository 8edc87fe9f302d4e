"""Biases on the grid of what the integer kernels add them to.

A kernel sums products of two integers, so a bias is an int32 in units of s_x s_w, the step of
the layer's input times the step of the channel:

    forward    b' = s_x s_w round(b / (s_x s_w))
    backward   dL/db = dL/db'                        straight through

At 8 bits the unit is too fine to be seen; at 2 bits it is a good part of an activation's step.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from worker.engine.hold.held import Held
from worker.engine.quantize.aware.activations import Quantizer
from worker.engine.quantize.aware.weights import SteppedWeight


@dataclass(frozen=True, slots=True)
class Bias:
    """The `parameter` is added to the products of the weight and the tensor of these names."""

    parameter: nn.Parameter
    weight: str
    source: str


class RoundedBias(Held):
    """(channels,) of the layer that multiplies `weight` with what `source` rounds."""

    def __init__(
        self, parameter: nn.Parameter, weight: SteppedWeight, source: Quantizer
    ) -> None:
        self.parameter, self.weight, self.source = parameter, weight, source
        self.latent = parameter.data

    @torch.no_grad()
    def before(self) -> None:
        """Put whole multiples of the unit in the module."""
        self.latent = self.parameter.data
        unit: Tensor = self.weight.now.flatten() * self.source.step
        self.parameter.data = (self.latent / unit).round_().mul_(unit)

    def after(self) -> None:
        """The gradient is the bias's own."""
        self.parameter.data = self.latent
