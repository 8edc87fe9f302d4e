"""prune.weights: zero the weights that matter least, at once or while training."""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from lathe.errors import StepImpossible
from lathe.techniques.prune import PruneWeights
from worker.engine.checkpoint import Checkpoint, Trait
from worker.engine.context import Context
from worker.engine.graph.weight_tensors import WeightTensor, weight_tensors
from worker.engine.hold.by_traits import held_by_traits
from worker.engine.hold.held import Together
from worker.engine.hold.layout import parameters_of
from worker.engine.onnx_file.spill import Spill
from worker.engine.outcome import Outcome
from worker.engine.pace import Pace
from worker.engine.prune.at_once import prune_at_once, spread
from worker.engine.prune.rising_mask import Masked, RisingMask
from worker.engine.prune.weight_facts import weight_facts
from worker.engine.train.course import course
from worker.engine.train.retrain import retrain
from worker.engine.view import TorchView


def prune_weights(checkpoint: Checkpoint, spec: PruneWeights, context: Context) -> Outcome:
    """Prune a copy of the checkpoint's model; every pruned tensor is `sparse` from then on.

    Raises UnknownLayer, StepImpossible where there is nothing to prune, weights share values
    already, or `epochs` has nothing to train on, and what training raises.
    """
    chosen = _chosen(checkpoint, spec)
    before = weight_facts(chosen)
    outcome = (
        _while_training(checkpoint, spec, context, chosen)
        if spec.epochs
        else _at_once(checkpoint, spec, context)
    )
    done = outcome.checkpoint
    traits = dict(done.traits)
    for weight in chosen:
        traits[weight.name] = replace(traits.get(weight.name, Trait()), sparse=True)
    after = weight_facts(_chosen(done, spec))
    facts = {"sparsity_before": before["sparsity"], **after, **outcome.facts}
    return replace(outcome, checkpoint=replace(done, traits=traits), facts=facts)


def _chosen(checkpoint: Checkpoint, spec: PruneWeights) -> list[WeightTensor]:
    chosen = weight_tensors(checkpoint.model, spec.protect, embeddings=spec.embeddings)
    if not chosen:
        raise StepImpossible("the model has no float weights to prune, or all are protected")
    for weight in chosen:
        trait = checkpoint.traits.get(weight.name, Trait())
        if trait.codebook is not None:
            raise StepImpossible(
                f"the weights of {weight.layer!r} share values already; prune before the step "
                "that shares them, or protect the layer",
                param="protect",
            )
    return chosen


def _at_once(checkpoint: Checkpoint, spec: PruneWeights, context: Context) -> Outcome:
    model = checkpoint.private()
    weights = weight_tensors(model, spec.protect, embeddings=spec.embeddings)
    own = Path(tempfile.mkdtemp(dir=context.folder))
    with Spill(own / "tensors") as spill:
        prune_at_once(weights, spec, spill, Pace(context.progress, len(weights), "tensors"))
    return Outcome(replace(checkpoint, model=model))


def _while_training(
    checkpoint: Checkpoint,
    spec: PruneWeights,
    context: Context,
    chosen: Sequence[WeightTensor],
) -> Outcome:
    taught = course(checkpoint, spec, context)
    mask = RisingMask(
        _masked(taught.view, checkpoint, spec, chosen),
        spec.sparsity,
        together=spec.scope == "global",
        ramp=spec.ramp,
        update_every=spec.update_every,
    )
    held = Together([held_by_traits(taught.view, checkpoint.traits), mask])
    return retrain(checkpoint, taught.view, spec, taught.lesson, context, taught.facts, held)


def _masked(
    view: TorchView,
    checkpoint: Checkpoint,
    spec: PruneWeights,
    chosen: Sequence[WeightTensor],
) -> list[Masked]:
    found = []
    for weight in chosen:
        unit = spread(weight.tensor) if spec.unit == "std" else 1.0
        threshold = None if spec.threshold is None else spec.threshold * unit
        parameters = tuple(parameters_of(view, weight.name))
        if parameters:
            sparse = checkpoint.traits.get(weight.name, Trait()).sparse
            found.append(Masked(parameters, threshold, sparse))
    if not found:
        raise StepImpossible("no weight of the model that could be pruned is trained")
    return found
