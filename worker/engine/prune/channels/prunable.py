"""The coupled groups that may be narrowed, each proved by trying."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from lathe.errors import StepImpossible, UnknownLayer
from lathe.techniques.prune.channels import ChannelCriterion
from worker.engine.checkpoint import Checkpoint
from worker.engine.context import Context
from worker.engine.pace import Pace
from worker.engine.probe import random_inputs
from worker.engine.prune.channels.activity import places
from worker.engine.prune.channels.anatomy import BATCH_NORM
from worker.engine.prune.channels.groups import coupled
from worker.engine.prune.channels.proof import cuts_cleanly
from worker.engine.prune.coupling import Group, LeftAlone
from worker.engine.prune.facts import named
from worker.engine.view import TorchView

Inputs = dict[str, torch.Tensor]
PROVED = 0.3  # fraction of the step when the groups are proved
PROBED_TOGETHER = 2  # examples of a probe; one would hide a mixed-up batch axis


def probe(checkpoint: Checkpoint, context: Context) -> Inputs:
    """Random inputs by name."""
    arrays = random_inputs(checkpoint.model, PROBED_TOGETHER, context.seed)
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def protected(view: TorchView, layers: Collection[str]) -> dict[str, str]:
    """Why some modules keep their outputs, by path. Raises UnknownLayer."""
    for layer in layers:
        if layer not in view.layers:
            raise UnknownLayer(
                f"the model has no layer {layer!r}; it has {', '.join(sorted(view.layers))}",
                param="protect",
            )
    outputs = dict.fromkeys(view.output_modules(), "it makes a model output")
    return {**{view.layers[layer]: "it is protected" for layer in layers}, **outputs}


def prunable(
    view: TorchView,
    inputs: Inputs,
    kept: Mapping[str, str],
    criterion: ChannelCriterion,
    context: Context,
) -> tuple[list[Group], list[LeftAlone]]:
    """The groups that were proved and that the criterion can score, and the layers that are
    left alone; `kept` names those that stay, by path. Raises StepImpossible where the
    criterion can score none of those that were proved."""
    found, alone = coupled(view, inputs, kept)
    ids = {path: layer for layer, path in view.layers.items()}
    pace = Pace(context.progress, len(found), "groups", last=PROVED)
    groups: list[Group] = []
    unscored: list[LeftAlone] = []
    for group in found:
        reason = _why_not(view, group, inputs, context.seed)
        if reason is None and (reason := _why_unscored(view, group, criterion)) is not None:
            unscored += _layers(group, reason)
        elif reason is not None:
            alone += _layers(group, reason)
        else:
            groups.append(group)
        pace.add(1)
    if unscored and not groups:
        raise StepImpossible(
            f"no layer can be scored by {criterion}: {named(_by_id(unscored, ids))}; "
            "prune.channels has other criteria"
        )
    alone += unscored
    seen = {layer.path for layer in alone}
    seen |= {m.path for group in groups for m in group.members if m.side != "in"}
    unseen = [path for path in view.layers.values() if path not in seen]
    alone += [LeftAlone(path, "layers of its kind are not narrowed") for path in unseen]
    return groups, _by_id(alone, ids)


def _by_id(alone: Sequence[LeftAlone], ids: Mapping[str, str]) -> list[LeftAlone]:
    return [replace(one, path=ids[one.path]) for one in alone if one.path in ids]


def _layers(group: Group, reason: str) -> list[LeftAlone]:
    return [LeftAlone(member.path, reason) for member in group.members if member.side != "in"]


def _why_not(view: TorchView, group: Group, inputs: Inputs, seed: int) -> str | None:
    if group.units == 1:
        return "it has one channel"
    if not cuts_cleanly(view, group, inputs, seed):
        return "its channels are mixed by position (attention heads, shuffles, sums)"
    return None


def _why_unscored(view: TorchView, group: Group, criterion: ChannelCriterion) -> str | None:
    match criterion:
        case "bn_scale":
            norms = [
                member.unit
                for member in group.members
                if isinstance(view.module.get_submodule(member.path), BATCH_NORM)
            ]
            return None if _all_in(group, norms) else "no BatchNorm follows it"
        case "apoz":
            seen = [place.unit for place in places(view, group, zeros=True)]
            return None if _all_in(group, seen) else "no activation that makes zeros follows it"
        case _:
            return None


def _all_in(group: Group, units: Sequence[NDArray[np.int64]]) -> bool:
    """Whether each unit of the group is among `units`."""
    return bool(np.isin(np.arange(group.units), np.concatenate([[], *units])).all())
