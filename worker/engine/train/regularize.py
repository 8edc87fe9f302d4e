"""train.regularize: train while a penalty makes weights few, rows empty or matrices flat."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import assert_never

import numpy as np
import onnx
from numpy.typing import NDArray
from torch import nn

from lathe.errors import StepImpossible
from lathe.techniques.train import Regularize
from worker.engine.checkpoint import Checkpoint, Trait
from worker.engine.context import Context
from worker.engine.graph.initializers import initializers
from worker.engine.graph.weight_tensors import WeightTensor, weight_tensors
from worker.engine.hold.by_traits import held_by_traits
from worker.engine.hold.held import Together
from worker.engine.layerwise.site import sites
from worker.engine.onnx_file.array import array
from worker.engine.outcome import FactValue, Outcome
from worker.engine.train.course import course
from worker.engine.train.retrain import retrain
from worker.engine.train.shrinking import Shrinking
from worker.engine.view import TorchView

NAMED = 24  # layers that the facts name one by one
ENERGY = 0.99  # of the squared singular values, for the ranks that the facts tell
ROWED = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


def regularize(checkpoint: Checkpoint, spec: Regularize, context: Context) -> Outcome:
    """Train a copy of the checkpoint's model under the penalty; the last epoch is kept.

    After l1 and group_lasso every penalized tensor is `sparse`: its zeros stay. Raises
    UnknownLayer, StepImpossible where no layer is left or weights are shared or on steps
    already, and what training raises.
    """
    chosen = _chosen(checkpoint, spec)
    taught = course(checkpoint, spec, context)
    placed = dict(_placed(taught.view, chosen))
    if not placed:
        raise StepImpossible("no Conv, Gemm or MatMul with float weights is left to penalize")
    shrinking = Shrinking(list(placed.values()), spec)
    held = Together([held_by_traits(taught.view, checkpoint.traits), shrinking])
    steady = spec.model_copy(update={"early_stopping": None})
    outcome = retrain(
        checkpoint, taught.view, steady, taught.lesson, context, taught.facts, held
    )
    done = outcome.checkpoint
    traits = dict(done.traits)
    if spec.penalty != "nuclear_norm":
        for name in placed:
            traits[name] = replace(traits.get(name, Trait()), sparse=True)
    before = _told(checkpoint.model, placed, spec)
    after = _told(done.model, placed, spec)
    facts = {f"{name}_before": value for name, value in before.items()} | after
    return replace(
        outcome,
        checkpoint=replace(done, traits=traits),
        facts={"penalty": spec.penalty, "strength": spec.strength, **facts, **outcome.facts},
    )


def _chosen(checkpoint: Checkpoint, spec: Regularize) -> list[WeightTensor]:
    chosen = weight_tensors(checkpoint.model, spec.protect, embeddings=False)
    for weight in chosen:
        trait = checkpoint.traits.get(weight.name, Trait())
        if trait.codebook is not None or trait.multiples is not None:
            raise StepImpossible(
                f"the weights of {weight.layer!r} share values or are multiples of a step "
                "already, which no penalty may move; regularize first, or protect the layer",
                param="protect",
            )
    return chosen


def _placed(
    view: TorchView, chosen: Sequence[WeightTensor]
) -> Iterator[tuple[str, nn.Parameter]]:
    """The weights whose axis 0 is their layer's output, by the tensor's name."""
    names = {weight.name for weight in chosen}
    for binding in view.bindings:
        module = view.module.get_submodule(binding.path)
        if binding.initialiser in names and isinstance(module, ROWED):
            yield binding.initialiser, module.get_parameter("weight")


def _told(
    model: onnx.ModelProto, names: Collection[str], spec: Regularize
) -> dict[str, FactValue]:
    """Zeros, empty rows or ranks, in total and layer by layer."""
    counts = {}
    tensors = initializers(model)
    for site in sites(model):
        if site.name in names:
            matrices = site.matrices(np.asarray(array(tensors[site.name]), np.float32))
            counts[site.name] = _counted(matrices.reshape(-1, matrices.shape[-1]), spec)
    what = {"l1": "zeros", "group_lasso": "empty_rows", "nuclear_norm": "rank"}[spec.penalty]
    named = [f"{layer} {count} of {most}" for layer, (count, most) in counts.items()]
    more = f" and {len(named) - NAMED} more" if len(named) > NAMED else ""
    return {
        what: sum(count for count, _ in counts.values()),
        f"{what}_of": sum(most for _, most in counts.values()),
        f"{what}_by_layer": ", ".join(named[:NAMED]) + more,
    }


def _counted(matrix: NDArray[np.float32], spec: Regularize) -> tuple[int, int]:
    """What the penalty asks for in (rows, n), and how much of it there could be."""
    match spec.penalty:
        case "l1":
            return matrix.size - int(np.count_nonzero(matrix)), matrix.size
        case "group_lasso":
            return int(np.sum(~matrix.any(axis=1))), len(matrix)
        case "nuclear_norm":
            return rank(matrix), min(matrix.shape)
        case _:
            assert_never(spec.penalty)


def rank(matrix: NDArray[np.float32]) -> int:
    """How many singular values of (rows, n) hold ENERGY of the sum of their squares."""
    squares = np.linalg.svd(matrix.astype(np.float64), compute_uv=False) ** 2
    reached = np.cumsum(squares) >= ENERGY * squares.sum()
    return int(np.argmax(reached)) + 1 if squares.any() else 0
