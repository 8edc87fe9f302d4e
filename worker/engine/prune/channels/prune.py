"""prune.channels: remove the least important coupled channels until a budget is met."""

from collections.abc import Sequence

from lathe.errors import BudgetUnreachable, StepImpossible
from lathe.techniques.prune import PruneChannels
from lathe.techniques.prune.channels import UnitCriterion
from worker.engine.checkpoint import Checkpoint
from worker.engine.context import Context
from worker.engine.graph.layers import layers
from worker.engine.graph.macs import macs
from worker.engine.graph.parameters import parameters
from worker.engine.outcome import Outcome
from worker.engine.pace import Pace
from worker.engine.progress import part_of
from worker.engine.prune.channels.budget import Costs, mac_costs, parameter_costs, shortest
from worker.engine.prune.channels.cut import trimmed
from worker.engine.prune.channels.narrower import narrower, require_the_same
from worker.engine.prune.channels.prunable import PROVED, Inputs, probe, protected, prunable
from worker.engine.prune.channels.readers import by_what_reads_them, fitted_anew, losses_without
from worker.engine.prune.channels.score import COMPARABLE, scores
from worker.engine.prune.coupling import Group, Kept, LeftAlone, narrowed
from worker.engine.prune.evidence import Evidence, evidence
from worker.engine.prune.facts import named, pruning_facts
from worker.engine.prune.importance import Scores
from worker.engine.prune.layer_by_layer import examples_of
from worker.engine.prune.norms import reestimated, require_norms_free
from worker.engine.prune.ranking import after, ranking
from worker.engine.threads import torch_threads
from worker.engine.view import TorchView, torch_view

SCORED, FITTED = 0.9, 0.95  # fractions of the step when scores are taken, and layers fitted


def prune_channels(checkpoint: Checkpoint, spec: PruneChannels, context: Context) -> Outcome:
    """Narrow a copy of the checkpoint's model to the spec's budget.

    The cost left is at most the budget, and above it before the last removal. Attention
    heads, recurrent and embedding widths, output layers and `spec.protect` stay whole. The
    zeros, shared values and multiples of earlier steps are those of the channels that stay.
    Raises UnknownLayer, StepImpossible and, before any score is taken, BudgetUnreachable.
    """
    if spec.reestimate_norms:
        require_norms_free(checkpoint)
    if spec.refits:
        examples_of(context)
    shown = None
    if spec.criterion != "reconstruction":  # which looks layer by layer
        shown = evidence(spec.criterion, spec.samples, checkpoint, context)
    view = torch_view(checkpoint.model)
    with torch_threads(context.threads):
        groups, kept, alone = _plan(checkpoint, view, spec, shown, context)
        fitted, refitted = checkpoint, None
        if spec.refits:
            part = part_of(context, SCORED, FITTED)
            fitted, refitted = fitted_anew(checkpoint, view, groups, kept, part)
            view = torch_view(fitted.model)
        done, narrow = narrower(fitted, view, groups, kept, context)
    facts = pruning_facts(checkpoint, done, groups, kept, alone, narrow)
    if refitted is not None:
        facts["layers_fitted_anew"] = refitted
    if spec.reestimate_norms:
        done, facts["norms_reestimated"] = reestimated(done, context)
    return Outcome(done, facts=facts)


def require_reachable(checkpoint: Checkpoint, spec: PruneChannels, context: Context) -> None:
    """Raise what prune_channels would raise before it takes a score."""
    view = torch_view(checkpoint.model)
    with torch_threads(context.threads):
        groups, alone = _prunable(checkpoint, view, spec, context)[1:]
        _reachable(_costs(checkpoint, view, groups, spec), groups, alone, spec)


def _plan(
    checkpoint: Checkpoint,
    view: TorchView,
    spec: PruneChannels,
    shown: Evidence | None,
    context: Context,
) -> tuple[list[Group], list[Kept], list[LeftAlone]]:
    """Which units of which groups stay; proved on the view, which is left as it was."""
    inputs, groups, alone = _prunable(checkpoint, view, spec, context)
    costs = _costs(checkpoint, view, groups, spec)
    _reachable(costs, groups, alone, spec)
    if spec.criterion == "reconstruction":
        part = part_of(context, PROVED, SCORED)
        found = losses_without(checkpoint, view, groups, costs, part)
        kept = _dispensable(groups, costs, found, spec)
    else:
        kept = _chosen(view, groups, costs, spec, spec.criterion, shown, context)
    require_the_same(view, groups, kept, inputs)
    return groups, kept, alone


def _prunable(
    checkpoint: Checkpoint, view: TorchView, spec: PruneChannels, context: Context
) -> tuple[Inputs, list[Group], list[LeftAlone]]:
    """Inputs of the proofs, the groups that may be narrowed, and what is left alone."""
    inputs = probe(checkpoint, context)
    stay = protected(view, spec.protect)
    groups, alone = prunable(view, inputs, stay, spec.criterion, context)
    if spec.criterion != "reconstruction":
        return inputs, groups, alone
    read, unread = by_what_reads_them(view, checkpoint.model, groups)
    return inputs, read, alone + unread


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


def _dispensable(
    groups: Sequence[Group], costs: Costs, found: Scores, spec: PruneChannels
) -> list[Kept]:
    """The units that stay where scores foresee every removal."""
    _, keep = _budget(spec)
    whole = [group.everything() for group in groups]
    removals = ranking(whole, found, spec.round_to, comparable=True)
    return shortest(costs, groups, whole, removals, costs.total * keep)


def _chosen(
    view: TorchView,
    groups: Sequence[Group],
    costs: Costs,
    spec: PruneChannels,
    criterion: UnitCriterion,
    shown: Evidence | None,
    context: Context,
) -> list[Kept]:
    """The units that stay: each round scores what is left and goes an equal part of the way."""
    looks = shown.examples if shown else 1
    unit = "examples" if shown else "rounds"
    pace = Pace(context.progress, spec.rounds * looks, unit, first=PROVED, last=SCORED)
    _, keep = _budget(spec)
    kept = [group.everything() for group in groups]
    for turn in range(1, spec.rounds + 1):
        with trimmed(view.module, groups, kept):
            left = narrowed(groups, kept)
            found = scores(view, left, criterion, shown, context, pace)
        most = costs.total * (1 - (1 - keep) * turn / spec.rounds)
        comparable = criterion in COMPARABLE
        removals = ranking(kept, found, spec.round_to, comparable=comparable)
        kept = shortest(costs, groups, kept, removals, most)
        if shown is None:
            pace.add(1)
    return kept
