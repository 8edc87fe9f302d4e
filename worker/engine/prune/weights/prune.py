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
from worker.engine.layerwise.site import Floats, Site
from worker.engine.onnx_file.spill import Spill
from worker.engine.outcome import FactValue, Outcome
from worker.engine.pace import Pace
from worker.engine.prune.coupling import LeftAlone
from worker.engine.prune.evidence import Labelled
from worker.engine.prune.facts import named
from worker.engine.prune.norms import reestimated, require_norms_free
from worker.engine.prune.weights.at_once import prune_at_once, spread
from worker.engine.prune.weights.by_inputs import by_inputs
from worker.engine.prune.weights.by_score import chosen, fitting, magnitudes, without
from worker.engine.prune.weights.loss_scores import loss_scores
from worker.engine.prune.weights.pattern_places import blocks_of
from worker.engine.prune.weights.prunable_weights import prunable_weights
from worker.engine.prune.weights.rising_mask import Masked, RisingMask
from worker.engine.prune.weights.weight_facts import weight_facts
from worker.engine.prune.weights.written import sparse_from_now, written
from worker.engine.train.course import course
from worker.engine.train.joint import task_lesson
from worker.engine.train.retrain import retrain, trainable
from worker.engine.view import TorchView

NOT_TRAINED = "no float of it is trained"
NOTHING_TRAINED = "no weight of the model that could be pruned is trained"
Fit = Mapping[str, Site] | None


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is asked of which weights; `fit` has a pattern's sites and is None without one."""

    checkpoint: Checkpoint
    spec: PruneWeights
    context: Context
    weights: Sequence[WeightTensor]
    fit: Fit


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
    done = _pruned(_Asked(checkpoint, spec, context, left, fit))
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


def _pruned(asked: _Asked) -> _Done:
    looks = LOOKS.get(asked.spec.criterion, NOTHING)
    if asked.spec.epochs:
        return _while_training(asked)
    if "inputs" in looks:
        return _by_inputs(asked)
    if "loss" in looks:
        return _by_loss(asked)
    if asked.fit is not None:
        scores = magnitudes(asked.weights)
        return _done(asked, without(asked.weights, chosen(scores, asked.spec, asked.fit)))
    return _at_once(asked)


def _done(asked: _Asked, values: Mapping[str, Floats], **facts: FactValue) -> _Done:
    return _Done(
        Outcome(written(asked.checkpoint, values, asked.context), facts), tuple(values)
    )


def _at_once(asked: _Asked) -> _Done:
    model = asked.checkpoint.private()
    weights = weight_tensors(model, asked.spec.protect, embeddings=asked.spec.embeddings)
    own = Path(tempfile.mkdtemp(dir=asked.context.folder))
    pace = Pace(asked.context.progress, len(weights), "tensors")
    with Spill(own / "tensors") as spill:
        prune_at_once(weights, asked.spec, spill, pace)
    pruned = tuple(weight.name for weight in weights)
    return _Done(Outcome(replace(asked.checkpoint, model=model)), pruned)


def _by_inputs(asked: _Asked) -> _Done:
    values, alone, facts = by_inputs(asked.checkpoint, asked.spec, asked.context, asked.weights)
    return replace(_done(asked, values, **facts), alone=alone)


def _by_loss(asked: _Asked) -> _Done:
    task = task_lesson(asked.context, asked.checkpoint.model)
    labelled = Labelled.of(task, asked.spec.samples, asked.context)
    view, _, _ = trainable(asked.checkpoint, asked.context)
    scores = loss_scores(view, [w.name for w in asked.weights], labelled, asked.context)
    trained = [weight for weight in asked.weights if weight.name in scores]
    if not trained:
        raise StepImpossible(NOTHING_TRAINED)
    values = without(trained, chosen(scores, asked.spec, asked.fit or {}))
    done = _done(asked, values, examples=len(labelled.rows), loss=task.loss_name)
    return replace(done, alone=_untrained(asked.weights, scores))


def _while_training(asked: _Asked) -> _Done:
    spec, context = asked.spec, asked.context
    taught = course(asked.checkpoint, spec, context)
    masked = _masked(taught.view, asked)
    mask = RisingMask(
        tuple(masked.values()),
        spec.sparsity,
        together=spec.scope == "global",
        ramp=spec.ramp,
        update_every=spec.update_every,
    )
    held = Together([held_by_traits(taught.view, asked.checkpoint.traits), mask])
    outcome = retrain(
        asked.checkpoint, taught.view, spec, taught.lesson, context, taught.facts, held
    )
    return _Done(outcome, tuple(masked), _untrained(asked.weights, masked))


def _untrained(weights: Sequence[WeightTensor], trained: Collection[str]) -> list[LeftAlone]:
    return [LeftAlone(w.name, NOT_TRAINED) for w in weights if w.name not in trained]


def _masked(view: TorchView, asked: _Asked) -> dict[str, Masked]:
    spec, found = asked.spec, {}
    for weight in asked.weights:
        parameters = tuple(parameters_of(view, weight.name))
        if not parameters:
            continue
        sparse = asked.checkpoint.traits.get(weight.name, Trait()).sparse
        threshold, blocks = None, None
        if spec.threshold is not None:
            unit = spread(weight.tensor) if spec.unit == "std" else 1.0
            threshold = spec.threshold * unit
        if spec.pattern is not None and asked.fit is not None:
            blocks = blocks_of(view, asked.fit[weight.name], spec.pattern)
        found[weight.name] = Masked(parameters, threshold, sparse, blocks)
    if not found:
        raise StepImpossible(NOTHING_TRAINED)
    return found
