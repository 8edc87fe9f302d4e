"""How much each unit of a group matters.

w runs over the weights (no biases, no running statistics) of every layer and norm in the
group that belong to unit u, in rows and in columns alike:

    l1       sum |w|
    l2       sqrt(sum w^2)             Fang et al., arXiv:2301.12900, equation 2, with a root
    lamp     e_u / sum e_v             Lee et al., arXiv:2010.07611, equation 4, with units for
                                       weights: e is the square of l2, and v runs over all
                                       units of the group with e_v >= e_u
    taylor   mean_b sum |w dL_b/dw|    after Molchanov et al., arXiv:1906.10771, equation 8,
                                       with |.| for (.)^2; L_b is the task's loss of batch b
    hessian  mean_n sum (w dL_n/dw)^2 / 2
                                       LeCun, Denker and Solla, "Optimal Brain Damage", 1990,
                                       equation 5, with the empirical Fisher information for
                                       the second derivative, as Theis et al.,
                                       arXiv:1801.05787, section 3.2, take it; L_n is the
                                       task's loss of example n
    bn_scale mean |gamma|              Liu et al., "Network Slimming", arXiv:1708.06519,
                                       section 3; over the BatchNorms the unit goes through
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from worker.engine.prune.channels.anatomy import BATCH_NORM, strips
from worker.engine.prune.coupling import ELSEWHERE, Group
from worker.engine.prune.lamp import comparable

Scores = list[NDArray[np.float64]]
Elementwise = Callable[[torch.Tensor], torch.Tensor]


def magnitude(module: nn.Module, groups: Sequence[Group], power: int) -> Scores:
    """Norms over each unit: power 1 is l1, power 2 is l2. One array (units,) a group."""
    sums = _sums(module, groups, lambda weight: weight.detach().abs().pow(power))
    return [total ** (1 / power) for total in sums]


def lamp(module: nn.Module, groups: Sequence[Group]) -> Scores:
    """The share of each unit's energy in that of the units no smaller; 1 for the largest."""
    return [comparable(torch.from_numpy(l2)).numpy() for l2 in magnitude(module, groups, 2)]


def scales(module: nn.Module, groups: Sequence[Group]) -> Scores:
    """The mean |gamma| of the BatchNorms that each unit goes through, one at least."""
    found = []
    for group in groups:
        total, places = np.zeros(group.units), np.zeros(group.units)
        for member in group.members:
            part = module.get_submodule(member.path)
            if isinstance(part, BATCH_NORM):
                here = member.unit != ELSEWHERE
                gamma = part.weight.detach().double().abs().cpu().numpy()
                total += np.bincount(member.unit[here], gamma[here], minlength=group.units)
                places += np.bincount(member.unit[here], minlength=group.units)
        found.append(total / places)
    return found


def taylor(weight: torch.Tensor) -> torch.Tensor:
    """|w dL/dw| of a batch."""
    return _times_gradient(weight).abs()


def hessian(weight: torch.Tensor) -> torch.Tensor:
    """Half the square of w dL/dw of an example."""
    return _times_gradient(weight).square() / 2


class FromLoss:
    """Adds up what `of` makes of each weight and its gradient, loss by loss."""

    def __init__(self, module: nn.Module, groups: Sequence[Group], of: Elementwise) -> None:
        self.module, self.groups, self.of = module, groups, of
        self.total: Scores = [np.zeros(group.units) for group in groups]
        self.losses = 0

    def add(self, loss: torch.Tensor) -> None:
        """One loss, with a gradient; earlier gradients are dropped."""
        self.module.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        found = _sums(self.module, self.groups, self.of)
        self.total = [old + new for old, new in zip(self.total, found, strict=True)]
        self.losses += 1

    def scores(self) -> Scores:
        """The mean over the losses so far."""
        return [total / self.losses for total in self.total]


def _times_gradient(weight: torch.Tensor) -> torch.Tensor:
    if weight.grad is None:  # no path from this weight to the loss
        return torch.zeros_like(weight)
    return weight.detach() * weight.grad


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
