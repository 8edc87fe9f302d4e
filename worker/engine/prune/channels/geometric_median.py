"""Filters that the others of their layer could stand in for.

He, Liu, Wang, Hu and Yang, "Filter Pruning via Geometric Median for Deep Neural Networks
Acceleration", arXiv:1811.00250, equation 6:

    score(u) = sum over v of ||F_u - F_v||_2

The filter with the smallest sum is nearest to the geometric median of its layer. F_u are the
weights that make unit u, of all coupled layers together: rows of those that produce it and
filters of depthwise convolutions, but no columns that read it, no norms and no biases.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from worker.engine.prune.channels.anatomy import is_depthwise, strips
from worker.engine.prune.coupling import Group, Member
from worker.engine.prune.importance import Scores


def distances(module: nn.Module, groups: Sequence[Group]) -> Scores:
    """The sum of distances of each unit to the others, (units,) a group."""
    return [_distances(module, group) for group in groups]


def _distances(module: nn.Module, group: Group) -> NDArray[np.float64]:
    parts = [
        _filters(module.get_submodule(member.path), member, group.units)
        for member in group.members
        if member.side == "out" or is_depthwise(module.get_submodule(member.path))
    ]
    filters = torch.cat(parts, dim=1)
    total: NDArray[np.float64] = torch.cdist(filters, filters).sum(dim=1).cpu().numpy()
    return total


def _filters(part: nn.Module, member: Member, units: int) -> torch.Tensor:
    """(units, numbers) of one layer; zeros for the positions that a unit has less."""
    strip = strips(part, member.side)[0]
    weight: torch.Tensor = getattr(part, strip.name)
    rows = weight.detach().movedim(strip.axis, 0).reshape(weight.shape[strip.axis], -1).double()
    places = [np.flatnonzero(member.unit == unit) for unit in range(units)]
    most = max(len(at) for at in places)
    found = rows.new_zeros(units, most, rows.shape[1])
    for unit, at in enumerate(places):
        found[unit, : len(at)] = rows[torch.from_numpy(at)]
    return found.reshape(units, -1)
