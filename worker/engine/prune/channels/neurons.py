"""prune.neurons: remove hidden neurons of fully connected layers that seldom fire."""

from collections.abc import Sequence

from torch import nn

from lathe.errors import BudgetUnreachable
from lathe.techniques.prune import PruneNeurons
from worker.engine.checkpoint import Checkpoint
from worker.engine.context import Context
from worker.engine.outcome import Outcome
from worker.engine.pace import Pace
from worker.engine.prune.channels.budget import Costs, Term, shortest
from worker.engine.prune.channels.narrower import narrower, require_the_same
from worker.engine.prune.channels.prunable import PROVED, probe, protected, prunable
from worker.engine.prune.channels.score import scores
from worker.engine.prune.coupling import Group, Kept
from worker.engine.prune.evidence import Unlabelled
from worker.engine.prune.facts import nothing_to_remove, pruning_facts
from worker.engine.prune.importance import Scores
from worker.engine.prune.ranking import after, ranking
from worker.engine.threads import torch_threads
from worker.engine.view import TorchView, torch_view

SCORED = 0.9  # fraction of the step when zeros are counted; then it writes back


def prune_neurons(checkpoint: Checkpoint, spec: PruneNeurons, context: Context) -> Outcome:
    """Narrow the fully connected layers of a copy of the checkpoint's model.

    A neuron is a unit that no layer but fully connected ones makes, with all that is coupled
    to it; output layers and `spec.protect` stay whole. Raises UnknownLayer, StepImpossible
    without inputs or such a layer before a ReLU, and BudgetUnreachable.
    """
    shown = Unlabelled.of(spec.samples, checkpoint, context)
    view = torch_view(checkpoint.model)
    with torch_threads(context.threads):
        inputs = probe(checkpoint, context)
        stay = _others(view) | protected(view, spec.protect)
        groups, alone = prunable(view, inputs, stay, "apoz", context)
        if not groups:
            raise nothing_to_remove("hidden neurons that can go", alone)
        whole = [group.everything() for group in groups]
        if spec.keep_neurons is not None:
            _require_reachable(groups, whole, spec.keep_neurons, spec.round_to)
        pace = Pace(context.progress, shown.examples, "examples", first=PROVED, last=SCORED)
        fire = scores(view, groups, "apoz", shown, context, pace)
        kept = _kept(groups, whole, fire, spec)
        require_the_same(view, groups, kept, inputs)
        done, narrow = narrower(checkpoint, view, groups, kept, context)
    facts = pruning_facts(checkpoint, done, groups, kept, alone, narrow)
    apoz = [1 - value for shares in fire for value in shares]
    return Outcome(
        done,
        facts=facts
        | {
            "examples": shown.examples,
            "apoz_mean": float(sum(apoz) / len(apoz)),
            "apoz_largest": float(max(apoz)),
        },
    )


def _others(view: TorchView) -> dict[str, str]:
    """Layers that are not fully connected, by path with the reason."""
    return {
        path: "it is not fully connected"
        for path in view.layers.values()
        if not isinstance(view.module.get_submodule(path), nn.Linear)
    }


def _neurons(groups: Sequence[Group]) -> Costs:
    """A neuron costs one."""
    terms = []
    for group in groups:
        axis = next(m.axis for m in group.members if m.side == "out")
        terms.append(Term(group.units, (axis,)))
    return Costs(sum(group.units for group in groups), tuple(terms))


def _require_reachable(
    groups: Sequence[Group], whole: Sequence[Kept], keep: float, round_to: int
) -> None:
    costs = _neurons(groups)
    removals = ranking(whole, [units.astype(float) for units in whole], round_to)
    least = costs.left(groups, after(whole, removals)) / costs.total
    if least > keep:
        raise BudgetUnreachable(
            f"keep_neurons {keep:g} cannot be reached: with at least {round_to} neuron(s) in "
            f"every layer, {least:.4f} are left; raise it, or leave more layers free",
            param="keep_neurons",
        )


def _kept(
    groups: Sequence[Group], whole: Sequence[Kept], fire: Scores, spec: PruneNeurons
) -> list[Kept]:
    """Units that stay; `fire` is how often each is not zero, compared as it is."""
    removals = ranking(whole, fire, spec.round_to, comparable=True)
    if spec.keep_neurons is not None:
        costs = _neurons(groups)
        return shortest(costs, groups, whole, removals, costs.total * spec.keep_neurons)
    silent = [removal for removal in removals if 1 - removal.score > (spec.max_apoz or 0.0)]
    return after(whole, silent)
