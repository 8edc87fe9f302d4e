"""How much each unit of a group matters.

w runs over the weights (no biases, no running statistics) of every layer and norm in the
group that belong to unit u, in rows and in columns alike:

    l1      sum |w|
    l2      sqrt(sum w^2)             Fang et al., arXiv:2301.12900, equation 2, with a root
    taylor  mean_b sum |w dL_b/dw|    after Molchanov et al., arXiv:1906.10771, equation 8,
                                      with |.| for (.)^2; L_b is the task's loss of batch b
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from worker.engine.prune.anatomy import strips
from worker.engine.prune.coupling import ELSEWHERE, Group

Scores = list[NDArray[np.float64]]
Elementwise = Callable[[torch.Tensor], torch.Tensor]


def magnitude(module: nn.Module, groups: Sequence[Group], power: int) -> Scores:
    """Norms over each unit: power 1 is l1, power 2 is l2. One array (units,) a group."""
    sums = _sums(module, groups, lambda weight: weight.detach().abs().pow(power))
    return [total ** (1 / power) for total in sums]


class Taylor:
    """Adds up |w dL/dw| batch by batch."""

    def __init__(self, module: nn.Module, groups: Sequence[Group]) -> None:
        self.module, self.groups = module, groups
        self.total: Scores = [np.zeros(group.units) for group in groups]
        self.batches = 0

    def add(self, loss: torch.Tensor) -> None:
        """One batch's loss, with a gradient; earlier gradients are dropped."""
        self.module.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        found = _sums(self.module, self.groups, _weight_times_gradient)
        self.total = [old + new for old, new in zip(self.total, found, strict=True)]
        self.batches += 1

    def scores(self) -> Scores:
        """The mean over the batches so far."""
        return [total / self.batches for total in self.total]


def _weight_times_gradient(weight: torch.Tensor) -> torch.Tensor:
    if weight.grad is None:  # no path from this weight to the loss
        return torch.zeros_like(weight)
    return (weight.detach() * weight.grad).abs()


def _sums(module: nn.Module, groups: Sequence[Group], of: Elementwise) -> Scores:
    return [_group_sums(module, group, of) for group in groups]


def _group_sums(module: nn.Module, group: Group, of: Elementwise) -> NDArray[np.float64]:
    total = np.zeros(group.units)
    for member in group.members:
        part = module.get_submodule(member.path)
        along = [s for s in strips(part, member.side) if s.name == "weight"]
        for strip in along:
            values = of(getattr(part, strip.name)).movedim(strip.axis, 0)
            each = values.reshape(len(values), -1).sum(dim=1, dtype=torch.float64).cpu().numpy()
            here = member.unit != ELSEWHERE
            total += np.bincount(member.unit[here], each[here], minlength=group.units)
    return total
