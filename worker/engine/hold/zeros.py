"""Zeros that stay zero while the weights around them learn."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from worker.engine.hold.held import Held


class Zeros(Held):
    """The zeros that the parameters have now are their mask."""

    def __init__(self, parameters: Iterable[nn.Parameter]) -> None:
        self.masked: list[tuple[nn.Parameter, Tensor]] = [
            (parameter, parameter.detach() == 0) for parameter in parameters
        ]

    def after(self) -> None:
        """No gradient for a zero."""
        for parameter, zero in self.masked:
            if parameter.grad is not None:
                parameter.grad.masked_fill_(zero, 0)

    @torch.no_grad()
    def settle(self) -> None:
        """Whatever momentum and weight decay did, a zero is zero."""
        for parameter, zero in self.masked:
            parameter.masked_fill_(zero, 0)
