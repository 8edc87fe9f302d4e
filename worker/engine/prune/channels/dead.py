"""Units that a network has no more use for: found, proved, and cut out.

After weights were set to zero, a unit may be unheard (every weight that reads it is zero) or
silent (no weight feeds it, and its biases keep its activation at zero). Cutting either changes
nothing. Removing one may leave another unheard, so the search goes on until nothing is found.
What is silent is tried, not derived: its output no longer depends on the input, so that one
look at random inputs proves it whatever the activation is.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from worker.engine.checkpoint import Checkpoint, Trait
from worker.engine.context import Context
from worker.engine.gate import distance
from worker.engine.hand_back import hand_back
from worker.engine.probe import random_inputs
from worker.engine.prune.channels.anatomy import strips
from worker.engine.prune.channels.cut import cut
from worker.engine.prune.channels.groups import coupled
from worker.engine.prune.channels.proof import computes_the_same, cuts_cleanly
from worker.engine.prune.channels.steps_left import steps_left
from worker.engine.prune.coupling import ELSEWHERE, Group, Kept, Member, narrowed_layers
from worker.engine.view import TorchView, torch_view

PROBED_TOGETHER = 2  # examples of a probe; one would hide a mixed-up batch axis


@dataclass(frozen=True, slots=True)
class Buried:
    """The checkpoint without its dead units, and how many there were."""

    checkpoint: Checkpoint
    units: int


def without_dead(checkpoint: Checkpoint, context: Context) -> Buried:
    """Cut out every unit that nothing hears or that says nothing; the function stays.

    Layers whose channels cannot be narrowed keep their dead units. Raises EffectLost where
    writing the narrower weights back fails its proof.
    """
    view = torch_view(checkpoint.model)
    arrays = random_inputs(checkpoint.model, PROBED_TOGETHER, context.seed)
    inputs = {name: torch.from_numpy(array) for name, array in arrays.items()}
    found, _ = coupled(view, inputs, dict.fromkeys(view.output_modules(), "a model output"))
    wanted = view.outputs(arrays)
    for silent_too in (True, False):
        kept = _alive(torch_view(checkpoint.model), found, silent_too=silent_too)
        pairs = [(g, k) for g, k in zip(found, kept, strict=True) if not k.all()]
        groups, left = [g for g, _ in pairs], [k for _, k in pairs]
        if not groups:
            return Buried(checkpoint, 0)
        clean = all(cuts_cleanly(view, group, inputs, context.seed) for group in groups)
        if not clean or not computes_the_same(view, groups, left, inputs):
            continue
        narrower = torch_view(checkpoint.model)
        cut(narrower.module, groups, left)
        if distance(wanted, narrower.outputs(arrays)) <= 1.0:
            return Buried(
                _written(checkpoint, view, narrower, groups, left, context),
                sum(int((~units).sum()) for units in left),
            )
    return Buried(checkpoint, 0)


def _written(
    checkpoint: Checkpoint,
    view: TorchView,
    narrower: TorchView,
    groups: Sequence[Group],
    kept: Sequence[Kept],
    context: Context,
) -> Checkpoint:
    traits = dict(steps_left(view, checkpoint.traits, groups, kept))
    for layer, channels in narrowed_layers(view.layers, groups, kept).items():
        traits[layer] = replace(traits.get(layer, Trait()), channels=channels)
    model = hand_back(narrower, checkpoint.model, context.seed)
    return replace(checkpoint, model=model, traits=traits)


def _alive(view: TorchView, groups: Sequence[Group], *, silent_too: bool) -> list[Kept]:
    """Which units of each group stay, at least one; the weights of `view` are used up."""
    kept = [group.everything() for group in groups]
    silenced = [np.zeros(group.units, np.bool_) for group in groups]
    changed = True
    while changed:
        changed = False
        for group, units, gone in zip(groups, kept, silenced, strict=True):
            dead = ~_heard(view.module, group)
            if silent_too:
                dead |= ~_speaks(view.module, group)
            if not (dead & ~gone).any():
                continue
            np.logical_or(gone, dead, out=gone)
            units[:] = ~gone
            units[0] |= gone.all()
            _silence(view.module, group, dead)
            changed = True
    return kept


def _heard(module: nn.Module, group: Group) -> NDArray[np.bool_]:
    """Units that some weight of a layer behind them reads."""
    heard = np.zeros(group.units, np.bool_)
    for member in group.members:
        if member.side == "in":
            heard |= _nonzero(module, member, ("weight",))
    return heard


def _speaks(module: nn.Module, group: Group) -> NDArray[np.bool_]:
    """Units that some weight feeds or a bias lifts; all where they pass through others."""
    speaks = np.zeros(group.units, np.bool_)
    for member in group.members:
        if member.side == "through":
            return group.everything()
        if member.side == "out":
            speaks |= _nonzero(module, member, ("weight",))
            speaks |= _nonzero(module, member, ("bias",), positive=True)
    return speaks


def _nonzero(
    module: nn.Module, member: Member, names: Sequence[str], *, positive: bool = False
) -> NDArray[np.bool_]:
    """By unit, whether any number of these tensors is not zero, or is above it."""
    found = np.zeros(0, np.bool_)
    for values in _along(module, member, names):
        here = (values > 0 if positive else values != 0).any(dim=1).cpu().numpy()
        found = here if not len(found) else found | here
    by_unit = np.zeros(int(member.unit.max(initial=0)) + 1, np.bool_)
    if len(found):
        inside = member.unit != ELSEWHERE
        np.logical_or.at(by_unit, member.unit[inside], found[inside])
    return by_unit


def _along(module: nn.Module, member: Member, names: Sequence[str]) -> Iterator[torch.Tensor]:
    """The named tensors of a member as (positions, the rest)."""
    part = module.get_submodule(member.path)
    for strip in strips(part, member.side):
        if strip.name in names:
            values: torch.Tensor = getattr(part, strip.name).detach()
            yield values.movedim(strip.axis, 0).reshape(values.shape[strip.axis], -1)


@torch.no_grad()
def _silence(module: nn.Module, group: Group, dead: NDArray[np.bool_]) -> None:
    """Zero all that belongs to dead units, so that their neighbours are seen without them."""
    for member in group.members:
        part = module.get_submodule(member.path)
        at = np.flatnonzero((member.unit != ELSEWHERE) & dead[member.unit])
        for strip in strips(part, member.side):
            tensor: torch.Tensor = getattr(part, strip.name)
            tensor.index_fill_(strip.axis, torch.from_numpy(at).to(tensor.device), 0)
