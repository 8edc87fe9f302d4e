"""The weights that pruning may change, or why it may not."""

from collections.abc import Collection

from lathe.errors import StepImpossible
from worker.engine.checkpoint import Checkpoint, Trait
from worker.engine.graph.weight_tensors import WeightTensor, weight_tensors


def prunable_weights(
    checkpoint: Checkpoint, protect: Collection[str], *, embeddings: bool, updates: bool = False
) -> list[WeightTensor]:
    """The weights that may be pruned, with `updates` by a method that also changes those it
    leaves. Raises UnknownLayer, and StepImpossible where there are none or earlier steps gave
    them values that would be lost."""
    found = weight_tensors(checkpoint.model, protect, embeddings=embeddings)
    if not found:
        raise StepImpossible("the model has no float weights to prune, or all are protected")
    for weight in found:
        trait = checkpoint.traits.get(weight.name, Trait())
        if trait.codebook is not None:
            raise StepImpossible(
                f"the weights of {weight.layer!r} share values already; prune before the step "
                "that shares them, or protect the layer",
                param="protect",
            )
        if updates and trait.multiples is not None:
            raise StepImpossible(
                f"the weights of {weight.layer!r} are multiples of a step already, which "
                "changed ones would not be; prune before the step that made them so, or "
                "protect the layer",
                param="protect",
            )
    return found
