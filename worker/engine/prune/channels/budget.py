"""What a model costs when some of its channels are gone.

A weight with I inputs and O outputs costs base * i / I * o / O once i and o are left. The
rest of the model costs what it did.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from lathe.facts import LayerSpec
from worker.engine.prune.channels.anatomy import is_depthwise, strips
from worker.engine.prune.coupling import Axis, Group, Kept, positions
from worker.engine.prune.ranking import Removal, after


@dataclass(frozen=True, slots=True)
class Term:
    """A cost that is proportional to what is left of every one of `axes`."""

    base: int
    axes: tuple[Axis, ...]


@dataclass(frozen=True, slots=True)
class Costs:
    """Units of cost: MACs of one example, or parameters. `total` counts the whole model."""

    total: int
    terms: tuple[Term, ...]

    def left(self, groups: Sequence[Group], kept: Sequence[Kept]) -> int:
        """The cost when only `kept` is left of every group."""
        share = {
            axis: (int(np.count_nonzero(stays)), len(stays))
            for axis, stays in positions(groups, kept).items()
        }
        saved = 0
        for term in self.terms:
            cut = [share[axis] for axis in term.axes if axis in share]
            stays = math.prod(count for count, _ in cut)
            saved += term.base - term.base * stays // math.prod(size for _, size in cut)
        return self.total - saved


def mac_costs(
    total: int, layers: Sequence[LayerSpec], paths: Mapping[str, str], module: nn.Module
) -> Costs:
    """MACs by layer; `paths` maps layer ids to modules of the view."""
    terms = [
        Term(layer.macs, _axes(module.get_submodule(paths[layer.id]), paths[layer.id]))
        for layer in layers
        if layer.macs and layer.id in paths
    ]
    return Costs(total, tuple(terms))


def parameter_costs(total: int, groups: Sequence[Group], module: nn.Module) -> Costs:
    """Parameters of every tensor that a group touches; a shared one counts once."""
    axes: dict[str, list[Axis]] = {}
    tensors: dict[str, int] = {}
    first: dict[int, str] = {}
    for path, side in positions(groups, [group.everything() for group in groups]):
        part = module.get_submodule(path)
        for strip in strips(part, side):
            tensor: torch.Tensor = getattr(part, strip.name)
            name = f"{path}.{strip.name}"
            if strip.trained and first.setdefault(id(tensor), name) == name:
                axes.setdefault(name, []).append((path, side))
                tensors[name] = tensor.numel()
    return Costs(total, tuple(Term(tensors[name], tuple(cut)) for name, cut in axes.items()))


def shortest(
    costs: Costs,
    groups: Sequence[Group],
    kept: Sequence[Kept],
    removals: Sequence[Removal],
    most: float,
) -> list[Kept]:
    """What is left of `kept` after the fewest `removals`, in their order, that bring the cost
    down to `most` or below; after all of them where none do."""
    low, high = 0, len(removals)
    while low < high:
        middle = (low + high) // 2
        if costs.left(groups, after(kept, removals[:middle])) <= most:
            high = middle
        else:
            low = middle + 1
    return after(kept, removals[:low])


def _axes(module: nn.Module, path: str) -> tuple[Axis, ...]:
    if is_depthwise(module):
        return ((path, "through"),)
    return tuple((path, side) for side in ("out", "in") if strips(module, side))
