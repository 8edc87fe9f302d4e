"""prune.channels: remove the least important coupled channels until a budget is met."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch

from lathe.errors import BudgetUnreachable, EffectLost, StepImpossible, UnknownLayer
from lathe.techniques.prune import PruneChannels
from lathe.views import Progress
from worker.engine.checkpoint import Checkpoint, Trait
from worker.engine.context import Context
from worker.engine.graph.layers import layers
from worker.engine.graph.macs import macs
from worker.engine.graph.parameters import parameters
from worker.engine.hand_back import hand_back
from worker.engine.outcome import Outcome
from worker.engine.pace import Pace
from worker.engine.probe import random_inputs
from worker.engine.prune.budget import Costs, mac_costs, parameter_costs, shortest
from worker.engine.prune.coupling import Group, Kept, LeftAlone, narrowed, narrowed_layers
from worker.engine.prune.cut import cut, trimmed
from worker.engine.prune.facts import named, pruning_facts
from worker.engine.prune.groups import coupled
from worker.engine.prune.proof import computes_the_same, cuts_cleanly
from worker.engine.prune.ranking import after, ranking
from worker.engine.prune.score import Labelled, scores
from worker.engine.prune.steps_left import steps_left
from worker.engine.threads import torch_threads
from worker.engine.train.objective import objective
from worker.engine.view import TorchView, torch_view

Inputs = dict[str, torch.Tensor]
PROVED, SCORED = 0.3, 0.9  # fractions of the step when its stages end; then it writes back
PROBED_TOGETHER = 2  # examples of a probe; one would hide a mixed-up batch axis


def prune_channels(checkpoint: Checkpoint, spec: PruneChannels, context: Context) -> Outcome:
    """Narrow a copy of the checkpoint's model to the spec's budget.

    The cost left is at most the budget, and above it before the last removal. Attention
    heads, recurrent and embedding widths, output layers and `spec.protect` stay whole. The
    zeros, shared values and multiples of earlier steps are those of the channels that stay.
    Raises UnknownLayer, StepImpossible and, before any score is taken, BudgetUnreachable.
    """
    labelled = _labelled(checkpoint, spec, context)
    view = torch_view(checkpoint.model)
    with torch_threads(context.threads):
        groups, kept, alone = _plan(checkpoint, view, spec, labelled, context)
        traits = steps_left(view, checkpoint.traits, groups, kept)
        cut(view.module, groups, kept)
        model = hand_back(view, checkpoint.model, context.seed)
    context.progress(Progress(fraction=1.0))
    narrow = narrowed_layers(view.layers, groups, kept)
    for layer, channels in narrow.items():
        traits[layer] = replace(traits.get(layer, Trait()), channels=channels)
    done = replace(checkpoint, model=model, traits=traits)
    return Outcome(
        done, facts=pruning_facts(checkpoint, done, groups, kept, alone, len(narrow))
    )


def require_reachable(checkpoint: Checkpoint, spec: PruneChannels, context: Context) -> None:
    """Raise what prune_channels would raise before it takes a score."""
    view = torch_view(checkpoint.model)
    with torch_threads(context.threads):
        inputs = _probe(checkpoint, context)
        groups, alone = _prunable(view, inputs, _protected(view, spec), context)
        _reachable(_costs(checkpoint, view, groups, spec), groups, alone, spec)


def _plan(
    checkpoint: Checkpoint,
    view: TorchView,
    spec: PruneChannels,
    labelled: Labelled | None,
    context: Context,
) -> tuple[list[Group], list[Kept], list[LeftAlone]]:
    """Which units of which groups stay; proved on the view, which is left as it was."""
    inputs = _probe(checkpoint, context)
    groups, alone = _prunable(view, inputs, _protected(view, spec), context)
    costs = _costs(checkpoint, view, groups, spec)
    _reachable(costs, groups, alone, spec)
    kept = _chosen(view, groups, costs, spec, labelled, context)
    if not computes_the_same(view, groups, kept, inputs):
        raise EffectLost("the channels chosen cannot be removed together; protect some layers")
    return groups, kept, alone


def _probe(checkpoint: Checkpoint, context: Context) -> dict[str, torch.Tensor]:
    arrays = random_inputs(checkpoint.model, PROBED_TOGETHER, context.seed)
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def _protected(view: TorchView, spec: PruneChannels) -> dict[str, str]:
    for layer in spec.protect:
        if layer not in view.layers:
            raise UnknownLayer(
                f"the model has no layer {layer!r}; it has {', '.join(sorted(view.layers))}",
                param="protect",
            )
    outputs = dict.fromkeys(view.output_modules(), "it makes a model output")
    return {**{view.layers[layer]: "it is protected" for layer in spec.protect}, **outputs}


def _prunable(
    view: TorchView, inputs: Inputs, protected: Mapping[str, str], context: Context
) -> tuple[list[Group], list[LeftAlone]]:
    """The groups that were proved, and the layers that are left alone."""
    found, alone = coupled(view, inputs, protected)
    pace = Pace(context.progress, len(found), "groups", last=PROVED)
    groups = []
    for group in found:
        clean = group.units > 1 and cuts_cleanly(view, group, inputs, context.seed)
        pace.add(1)
        if clean:
            groups.append(group)
            continue
        reason = "its channels are mixed by position (attention heads, shuffles, sums)"
        alone += [
            LeftAlone(member.path, "it has one channel" if group.units == 1 else reason)
            for member in group.members
            if member.side != "in"
        ]
    seen = {layer.path for layer in alone}
    seen |= {m.path for group in groups for m in group.members if m.side != "in"}
    unseen = [path for path in view.layers.values() if path not in seen]
    alone += [LeftAlone(path, "layers of its kind are not narrowed") for path in unseen]
    ids = {path: layer for layer, path in view.layers.items()}
    return groups, [replace(a, path=ids[a.path]) for a in alone if a.path in ids]


def _costs(
    checkpoint: Checkpoint, view: TorchView, groups: Sequence[Group], spec: PruneChannels
) -> Costs:
    if spec.keep_parameters is not None:
        return parameter_costs(parameters(checkpoint.model), groups, view.module)
    total = macs(checkpoint.model)
    if not total:
        raise StepImpossible(
            "the MACs of this model cannot be counted, because a shape in it is unknown; give "
            "keep_parameters instead",
            param="keep_macs",
        )
    return mac_costs(total, layers(checkpoint.model), view.layers, view.module)


def _budget(spec: PruneChannels) -> tuple[str, float]:
    if spec.keep_parameters is not None:
        return "keep_parameters", spec.keep_parameters
    return "keep_macs", spec.keep_macs or 0.0


def _reachable(
    costs: Costs, groups: Sequence[Group], alone: Sequence[LeftAlone], spec: PruneChannels
) -> None:
    """Raise BudgetUnreachable if even the narrowest allowed model costs too much."""
    name, keep = _budget(spec)
    kept = [group.everything() for group in groups]
    removals = ranking(kept, [units.astype(float) for units in kept], spec.round_to)
    least = costs.left(groups, after(kept, removals)) / costs.total
    if least > keep:
        stuck = f"; left alone: {named(alone)}" if alone else ""
        raise BudgetUnreachable(
            f"{name} {keep:g} cannot be reached: with at least {spec.round_to} channel(s) in "
            f"every layer that may be narrowed, {least:.4f} is left{stuck}; "
            "raise the budget, or leave more layers free",
            param=name,
        )


def _labelled(checkpoint: Checkpoint, spec: PruneChannels, context: Context) -> Labelled | None:
    """What taylor reads; the other criteria read nothing."""
    if spec.criterion != "taylor":
        return None
    return Labelled.of(objective(context.task, context.io, checkpoint.model), spec, context)


def _chosen(
    view: TorchView,
    groups: Sequence[Group],
    costs: Costs,
    spec: PruneChannels,
    labelled: Labelled | None,
    context: Context,
) -> list[Kept]:
    """The units that stay: each round scores what is left and goes an equal part of the way."""
    looks = len(labelled.rows) if labelled else 1
    unit = "examples" if labelled else "rounds"
    pace = Pace(context.progress, spec.rounds * looks, unit, first=PROVED, last=SCORED)
    _, keep = _budget(spec)
    kept = [group.everything() for group in groups]
    for turn in range(1, spec.rounds + 1):
        with trimmed(view.module, groups, kept):
            left = narrowed(groups, kept)
            found = scores(view, left, spec, labelled, context, pace)
        most = costs.total * (1 - (1 - keep) * turn / spec.rounds)
        removals = ranking(kept, found, spec.round_to)
        kept = shortest(costs, groups, kept, removals, most)
        if labelled is None:
            pace.add(1)
    return kept
