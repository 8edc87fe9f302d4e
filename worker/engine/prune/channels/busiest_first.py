"""Hidden units in the order of their nonzero weights, which costs nothing and codes better.

Hidden units may stand in any order: permuting the rows that make them and the columns that
read them leaves the function as it is. A coder that learns as it goes does better where
crowded rows come first and empty ones last: about 2 % of a small sparse net.
"""

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from worker.engine.checkpoint import Checkpoint
from worker.engine.context import Context
from worker.engine.gate import distance
from worker.engine.hand_back import hand_back
from worker.engine.probe import random_inputs
from worker.engine.prune.channels.anatomy import strips
from worker.engine.prune.channels.groups import coupled
from worker.engine.prune.channels.proof import cuts_cleanly
from worker.engine.prune.coupling import ELSEWHERE, Group, Member
from worker.engine.view import torch_view

PROBED_TOGETHER = 2  # examples of a probe; one would hide a mixed-up batch axis

Order = NDArray[np.int64]


def busiest_first(checkpoint: Checkpoint, context: Context) -> Checkpoint:
    """The same network with the units of every layer sorted by nonzero weights, most first.

    Left as it is where the position of a unit means something (attention heads, steps for
    each channel). Raises EffectLost where writing the weights back fails its proof.
    """
    multiples = (trait.multiples for trait in checkpoint.traits.values())
    if any(one is not None and one.axis is not None for one in multiples):
        return checkpoint
    view = torch_view(checkpoint.model)
    arrays = random_inputs(checkpoint.model, PROBED_TOGETHER, context.seed)
    inputs = {name: torch.from_numpy(array) for name, array in arrays.items()}
    wanted = view.outputs(arrays)
    found, _ = coupled(view, inputs, dict.fromkeys(view.output_modules(), "a model output"))
    moved = False
    for group in found:
        if not cuts_cleanly(view, group, inputs, context.seed):
            continue
        order = np.argsort(-_nonzeros(view.module, group), kind="stable")
        _permute(view.module, group, order)
        if distance(wanted, view.outputs(arrays)) <= 1.0:
            moved = True
        else:
            _permute(view.module, group, np.argsort(order))
    if not moved:
        return checkpoint
    return replace(checkpoint, model=hand_back(view, checkpoint.model, context.seed))


def _nonzeros(module: nn.Module, group: Group) -> NDArray[np.int64]:
    """By unit, in all weights that make it or read it."""
    total = np.zeros(group.units, np.int64)
    for member in group.members:
        part = module.get_submodule(member.path)
        for strip in strips(part, member.side):
            if strip.name != "weight":
                continue
            values = getattr(part, strip.name).detach().movedim(strip.axis, 0)
            counts = values.reshape(len(values), -1).count_nonzero(dim=1).cpu().numpy()
            inside = member.unit != ELSEWHERE
            np.add.at(total, member.unit[inside], counts[inside])
    return total


@torch.no_grad()
def _permute(module: nn.Module, group: Group, order: Order) -> None:
    """Unit u becomes what unit order[u] was, in every tensor of the group."""
    moved: set[tuple[int, int]] = set()
    for member in group.members:
        part = module.get_submodule(member.path)
        source = torch.from_numpy(_sources(member, order))
        for strip in strips(part, member.side):
            tensor: torch.Tensor = getattr(part, strip.name)
            if (id(tensor), strip.axis) not in moved:  # a shared one moves once
                moved.add((id(tensor), strip.axis))
                tensor.copy_(tensor.index_select(strip.axis, source.to(tensor.device)))


def _sources(member: Member, order: Order) -> Order:
    """For every position of the axis, which one moves there: of a unit with several positions
    the first to the first, the second to the second."""
    source = np.arange(len(member.unit))
    places = [np.flatnonzero(member.unit == unit) for unit in range(len(order))]
    for unit, old in enumerate(order):
        if len(places[unit]) == len(places[old]):
            source[places[unit]] = places[old]
    return source
