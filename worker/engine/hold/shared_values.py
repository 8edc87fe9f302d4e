"""Weights that share their values: every value learns, who shares it stays.

Han, Mao and Dally, "Deep Compression", arXiv:1510.00149, section 3.3, equation 3:

    dL/dC_k = sum over i of dL/dW_i [I_i = k]

    W (n,)  the weights     I (n,)  the value that each takes     C (K,)  the values

Zero is a value that does not learn, so that a mask beside the codebook holds.
"""

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn

from worker.engine.hold.held import Held, OwnParameters


class SharedValues(Held):
    """The parameters, together one tensor of the file, share the values that they have now."""

    def __init__(self, parameters: Iterable[nn.Parameter]) -> None:
        self.parameters = tuple(parameters)
        flat = torch.cat([p.detach().reshape(-1) for p in self.parameters])
        found = torch.unique(flat)
        self.values = nn.Parameter(found[found != 0])
        table = torch.cat([self.values.detach().new_zeros(1), self.values.detach()])
        order = torch.argsort(table)
        sorted_table = table[order]
        self.codes: list[Tensor] = [
            order[torch.searchsorted(sorted_table, p.detach().reshape(-1))].int()
            for p in self.parameters
        ]  # 0 is zero, k is values[k - 1]

    def taken(self) -> Sequence[nn.Parameter]:
        """All: the values learn instead."""
        return self.parameters

    def own(self) -> Sequence[OwnParameters]:
        """The values, with the learning rate and the weight decay of any weight."""
        return (OwnParameters((self.values,), decays=True),) if len(self.values) else ()

    @torch.no_grad()
    def after(self) -> None:
        """The gradient of a value is the sum over the weights that share it."""
        total: Tensor | None = None
        for parameter, codes in zip(self.parameters, self.codes, strict=True):
            if parameter.grad is None:
                continue
            if total is None:
                total = self.values.new_zeros(len(self.values) + 1)
            total.index_add_(0, codes, parameter.grad.reshape(-1))
            parameter.grad = None
        if total is not None:
            self.values.grad = total[1:]

    @torch.no_grad()
    def settle(self) -> None:
        """Every weight takes the new number of its value."""
        table = torch.cat([self.values.new_zeros(1), self.values])
        for parameter, codes in zip(self.parameters, self.codes, strict=True):
            parameter.copy_(table.index_select(0, codes).reshape(parameter.shape))

    def state(self) -> dict[str, Tensor]:
        """The values."""
        return {"values": self.values}

    @torch.no_grad()
    def restore(self, state: Mapping[str, Tensor]) -> None:
        """The values, which the weights have already."""
        self.values.copy_(state["values"])
