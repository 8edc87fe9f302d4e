"""prune.weights: zero the weights that matter least, at once or while training."""

import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from lathe.errors import StepImpossible
from lathe.techniques.prune import PruneWeights
from lathe.techniques.prune.weights import LOOKS
from lathe.techniques.step import NOTHING
from worker.engine.checkpoint import Checkpoint, Trait
from worker.engine.context import Context
from worker.engine.graph.weight_tensors import WeightTensor, weight_tensors
from worker.engine.hold.by_traits import held_by_traits
from worker.engine.hold.held import Together
from worker.engine.hold.layout import parameters_of
from worker.engine.layerwise.site import Site
from worker.engine.onnx_file.spill import Spill
from worker.engine.outcome import FactValue, Outcome
from worker.engine.pace import Pace
from worker.engine.prune.at_once import prune_at_once, spread
from worker.engine.prune.by_inputs import by_inputs
from worker.engine.prune.by_score import chosen, fitting, magnitudes, without
from worker.engine.prune.coupling import LeftAlone
from worker.engine.prune.evidence import Labelled
from worker.engine.prune.facts import named
from worker.engine.prune.loss_scores import loss_scores
from worker.engine.prune.norms import reestimated, require_norms_free
from worker.engine.prune.pattern_places import blocks_of
from worker.engine.prune.prunable_weights import prunable_weights
from worker.engine.prune.rising_mask import Masked, RisingMask
from worker.engine.prune.weight_facts import weight_facts
from worker.engine.prune.written import sparse_from_now, written
from worker.engine.train.course import course
from worker.engine.train.objective import objective
from worker.engine.train.retrain import retrain, trainable
from worker.engine.view import TorchView

NOT_TRAINED = "no float of it is trained"
Fit = Mapping[str, Site] | None


@dataclass(frozen=True, slots=True)
class _Done:
    """What became of the weights, by name those that were pruned."""

    outcome: Outcome
    pruned: Sequence[str]
    alone: Sequence[LeftAlone] = field(default=())


def prune_weights(checkpoint: Checkpoint, spec: PruneWeights, context: Context) -> Outcome:
    """Prune a copy of the checkpoint's model; every pruned tensor is `sparse` from then on.

    Raises UnknownLayer, StepImpossible where there is nothing to prune, weights share values
    already or are multiples that an update would not keep, or examples or labels are missing
    that the criterion or `epochs` needs, and what training raises.
    """
    updates = spec.criterion == "sparsegpt"
    weights = prunable_weights(
        checkpoint, spec.protect, embeddings=spec.embeddings, updates=updates
    )
    if spec.reestimate_norms:
        require_norms_free(checkpoint)
    before = weight_facts(weights)
    fit, alone = _fit(checkpoint, spec, weights)
    unfit = {one.path for one in alone}
    left = [weight for weight in weights if weight.name not in unfit]
    done = _pruned(checkpoint, spec, context, left, fit)
    ended = sparse_from_now(done.outcome.checkpoint, done.pruned)
    now = weight_facts(weight_tensors(ended.model, spec.protect, embeddings=spec.embeddings))
    facts: dict[str, FactValue] = {"sparsity_before": before["sparsity"], **now}
    if spec.reestimate_norms:
        ended, facts["norms_reestimated"] = reestimated(ended, context)
    if spec.pattern is not None:
        facts["pattern"] = f"{spec.pattern.keep} of {spec.pattern.of}"
    if alone := [*alone, *done.alone]:
        facts["left_alone"] = named(alone)
    return replace(done.outcome, checkpoint=ended, facts=facts | done.outcome.facts)


def _fit(
    checkpoint: Checkpoint, spec: PruneWeights, weights: Sequence[WeightTensor]
) -> tuple[Fit, list[LeftAlone]]:
    """The sites that the pattern fits, None without one, and the weights that it does not."""
    if spec.pattern is None:
        return None, []
    fit, alone = fitting(checkpoint, weights, spec.pattern)
    if not fit:
        raise StepImpossible(
            f"no layer has inputs in blocks of {spec.pattern.of}: {named(alone)}",
            param="pattern",
        )
    return fit, alone


def _pruned(
    checkpoint: Checkpoint,
    spec: PruneWeights,
    context: Context,
    weights: Sequence[WeightTensor],
    fit: Fit,
) -> _Done:
    if spec.epochs:
        return _while_training(checkpoint, spec, context, weights, fit)
    if "inputs" in LOOKS.get(spec.criterion, NOTHING):
        values, alone, facts = by_inputs(checkpoint, spec, context, weights)
        outcome = Outcome(written(checkpoint, values, context), facts)
        return _Done(outcome, tuple(values), alone)
    if "loss" in LOOKS.get(spec.criterion, NOTHING):
        return _by_loss(checkpoint, spec, context, weights, fit)
    if fit is not None:
        values = without(weights, chosen(magnitudes(weights), spec, fit))
        return _Done(Outcome(written(checkpoint, values, context)), tuple(values))
    return _at_once(checkpoint, spec, context)


def _at_once(checkpoint: Checkpoint, spec: PruneWeights, context: Context) -> _Done:
    model = checkpoint.private()
    weights = weight_tensors(model, spec.protect, embeddings=spec.embeddings)
    own = Path(tempfile.mkdtemp(dir=context.folder))
    with Spill(own / "tensors") as spill:
        prune_at_once(weights, spec, spill, Pace(context.progress, len(weights), "tensors"))
    return _Done(Outcome(replace(checkpoint, model=model)), [w.name for w in weights])


def _by_loss(
    checkpoint: Checkpoint,
    spec: PruneWeights,
    context: Context,
    weights: Sequence[WeightTensor],
    fit: Fit,
) -> _Done:
    task = objective(context.task, context.io, checkpoint.model)
    labelled = Labelled.of(task, spec.samples, context)
    view, _, _ = trainable(checkpoint, context)
    scores = loss_scores(view, [weight.name for weight in weights], labelled, context)
    trained = [weight for weight in weights if weight.name in scores]
    if not trained:
        raise StepImpossible("no weight of the model that could be pruned is trained")
    values = without(trained, chosen(scores, spec, fit or {}))
    alone = _untrained(weights, scores)
    facts: dict[str, FactValue] = {"examples": len(labelled.rows), "loss": task.loss_name}
    return _Done(Outcome(written(checkpoint, values, context), facts), tuple(values), alone)


def _while_training(
    checkpoint: Checkpoint,
    spec: PruneWeights,
    context: Context,
    weights: Sequence[WeightTensor],
    fit: Fit,
) -> _Done:
    taught = course(checkpoint, spec, context)
    masked = _masked(taught.view, checkpoint, spec, weights, fit)
    mask = RisingMask(
        tuple(masked.values()),
        spec.sparsity,
        together=spec.scope == "global",
        ramp=spec.ramp,
        update_every=spec.update_every,
    )
    held = Together([held_by_traits(taught.view, checkpoint.traits), mask])
    outcome = retrain(checkpoint, taught.view, spec, taught.lesson, context, taught.facts, held)
    return _Done(outcome, tuple(masked), _untrained(weights, masked))


def _untrained(weights: Sequence[WeightTensor], trained: Collection[str]) -> list[LeftAlone]:
    return [LeftAlone(w.name, NOT_TRAINED) for w in weights if w.name not in trained]


def _masked(
    view: TorchView,
    checkpoint: Checkpoint,
    spec: PruneWeights,
    weights: Sequence[WeightTensor],
    fit: Fit,
) -> dict[str, Masked]:
    found = {}
    for weight in weights:
        parameters = tuple(parameters_of(view, weight.name))
        if not parameters:
            continue
        sparse = checkpoint.traits.get(weight.name, Trait()).sparse
        threshold, blocks = None, None
        if spec.threshold is not None:
            unit = spread(weight.tensor) if spec.unit == "std" else 1.0
            threshold = spec.threshold * unit
        if spec.pattern is not None and fit is not None:
            blocks = blocks_of(view, fit[weight.name], spec.pattern)
        found[weight.name] = Masked(parameters, threshold, sparse, blocks)
    if not found:
        raise StepImpossible("no weight of the model that could be pruned is trained")
    return found
