"""Weights that are multiples of fixed steps: the integers learn, straight through.

    forward   w' = s clamp(round(w / s), -most, most)        round: half to even
    backward  dL/dw = dL/dw'

Bengio, Leonard and Courville, "Estimating or Propagating Gradients Through Stochastic
Neurons", arXiv:1308.3432, section 4 (straight-through estimator). A latent weight beyond the
largest multiple is brought back to it after every step, or it would never return.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from worker.engine.hold.held import Held


class OnSteps(Held):
    """Parameters with their steps, which broadcast over them; |q| <= `most`.

    Where it is `sparse` the zeros of now stay; else a zero may become a multiple and back.
    """

    def __init__(
        self, placed: Iterable[tuple[nn.Parameter, Tensor]], most: int, *, sparse: bool
    ) -> None:
        self.placed = [(p, narrow(steps.detach())) for p, steps in placed]
        self.most = most
        self.zeros = [p.detach() == 0 if sparse else None for p, _ in self.placed]
        self.latent: list[Tensor] = []

    @torch.no_grad()
    def before(self) -> None:
        """Float32 q times float32 s, as the trait says it."""
        self.latent = [parameter.data for parameter, _ in self.placed]
        for parameter, steps in self.placed:
            codes = (parameter.data / steps).round_().clamp_(-self.most, self.most)
            parameter.data = codes.mul_(steps).add_(0.0)  # no minus zero: it is no multiple

    def after(self) -> None:
        """Gradients pass straight through, but to zeros that stay."""
        for (parameter, _), latent, zero in zip(
            self.placed, self.latent, self.zeros, strict=True
        ):
            parameter.data = latent
            if zero is not None and parameter.grad is not None:
                parameter.grad.masked_fill_(zero, 0)
        self.latent = []

    @torch.no_grad()
    def settle(self) -> None:
        """Within the largest multiple, and zero where it is held."""
        for (parameter, steps), zero in zip(self.placed, self.zeros, strict=True):
            edge = self.most * steps
            torch.clamp(parameter, -edge, edge, out=parameter)
            if zero is not None:
                parameter.masked_fill_(zero, 0)


def narrow(values: Tensor) -> Tensor:
    """`values` without the axes along which nothing changes, these of size 1."""
    for axis in range(values.dim()):
        first = values.narrow(axis, 0, 1) if values.shape[axis] else values
        if torch.equal(first.expand_as(values), values):
            values = first.contiguous()
    return values
