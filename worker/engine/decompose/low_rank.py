"""decompose.svd, decompose.tucker and decompose.cp, from checkpoint to checkpoint."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from lathe.errors import StepImpossible
from lathe.techniques.decompose import (
    Decompose,
    DecomposeCp,
    DecomposeSvd,
    DecomposeTucker,
    GivenRank,
)
from worker.engine.checkpoint import Checkpoint
from worker.engine.context import Context
from worker.engine.decompose.by_cp import ByCp
from worker.engine.decompose.by_svd import BySvd
from worker.engine.decompose.by_tucker import ByTucker
from worker.engine.decompose.choose import Chooser, Chosen
from worker.engine.decompose.facts import Replaced, decomposition_facts
from worker.engine.decompose.felt import Felt, felt
from worker.engine.decompose.given import check_given
from worker.engine.decompose.layer import Layer, Left, decomposable
from worker.engine.decompose.row import Method
from worker.engine.decompose.shelf import Shelf
from worker.engine.decompose.swap import Swap
from worker.engine.graph.initializers import initializers
from worker.engine.layerwise.site import Floats, Site, sites
from worker.engine.onnx_file.array import array
from worker.engine.onnx_file.spill import Spill
from worker.engine.outcome import Outcome
from worker.engine.pace import Pace
from worker.engine.prune.coupling import LeftAlone
from worker.engine.prune.facts import named
from worker.engine.rate.post.vectors import biases

LOOKED, CHOSEN = 0.4, 0.8  # fractions of the step when inputs were seen, ranks chosen


def decompose_svd(checkpoint: Checkpoint, spec: DecomposeSvd, context: Context) -> Outcome:
    """Two layers for each Conv, Gemm and MatMul where that saves; see `_decomposed`.

    Raises StepImpossible, too, where `whiten` has no examples to look at.
    """
    own = _own(context)
    seen: dict[str, Felt] = {}

    def look(layers: Sequence[Layer]) -> None:
        places = [layer.site for layer in layers]
        biased = _biases(checkpoint, places)
        seen.update(felt(checkpoint.model, places, biased, context, own, LOOKED))

    method = BySvd(spec, Shelf(own), seen)
    return _decomposed(checkpoint, spec, context, method, look if spec.whiten else None)


def decompose_tucker(
    checkpoint: Checkpoint, spec: DecomposeTucker, context: Context
) -> Outcome:
    """Up to three layers for each k x k Conv where that saves; see `_decomposed`."""
    return _decomposed(checkpoint, spec, context, ByTucker(spec, Shelf(_own(context))))


def decompose_cp(checkpoint: Checkpoint, spec: DecomposeCp, context: Context) -> Outcome:
    """Up to four layers for each k x k Conv where that saves; see `_decomposed`."""
    return _decomposed(checkpoint, spec, context, ByCp(spec, context.seed))


def _decomposed(
    checkpoint: Checkpoint,
    spec: Decompose,
    context: Context,
    method: Method,
    look: Callable[[Sequence[Layer]], None] | None = None,
) -> Outcome:
    """Replace layers of a copy of the checkpoint's model, one layer in memory at a time.

    `look` sees all that may be replaced before any is judged. Raises UnknownLayer,
    StepImpossible where no layer is replaced, and BudgetUnreachable.
    """
    layers, left = _taken(checkpoint, spec, method)
    if isinstance(spec.rank, GivenRank):
        check_given(spec.rank, layers, method)
    pace = Pace(
        context.progress, len(layers), "layers", first=LOOKED if look else 0.0, last=CHOSEN
    )
    tensors = initializers(checkpoint.model)
    chooser = Chooser(
        checkpoint.model, method, spec.rank, lambda layer: _weight(tensors, layer), pace
    )
    found, unfit = chooser.candidates(layers)
    if look is not None:
        look([one.layer for one in found])
    chosen, more = chooser.choose(found)
    pace.finish()
    left += unfit + more
    if not chosen:
        raise StepImpossible(f"no layer is decomposed: {_reasons(left)}")
    done = replace(checkpoint, model=checkpoint.private())
    replaced = _replaced(done, chosen, method, context)
    facts = decomposition_facts(checkpoint, done, replaced, left)
    return Outcome(done, facts | {"inputs_looked_at": look is not None})


def _taken(
    checkpoint: Checkpoint, spec: Decompose, method: Method
) -> tuple[list[Layer], list[Left]]:
    found, left = decomposable(checkpoint, spec.protect)
    layers = []
    for layer in found:
        reason = method.refusal(layer)
        if reason is None:
            layers.append(layer)
        else:
            left.append(Left(layer.name, reason))
    if not layers:
        reasons = _reasons(left) if left else "it has no layers with weights"
        raise StepImpossible(f"no layer of the model can be decomposed like this: {reasons}")
    return layers, left


def _replaced(
    done: Checkpoint, chosen: Sequence[Chosen], method: Method, context: Context
) -> list[Replaced]:
    """Swap the rows into the model of `done`, in place."""
    pace = Pace(context.progress, len(chosen), "layers", first=CHOSEN)
    model, replaced = done.model, []
    places, tensors = {site.name: site for site in sites(model)}, initializers(model)
    biased = _biases(done, list(places.values()))
    with Spill(_own(context) / "tensors") as spill:
        swap = Swap(model, spill)
        for one in chosen:
            row = method.row(one.layer, _weight(tensors, one.layer), one.rank)
            swap.put(places[one.layer.name], row.factors)
            if row.shift is not None:
                _add(tensors[biased[one.layer.name]], row.shift)
            replaced.append(Replaced(one, len(row.factors), row.energy))
            pace.add(1)
        swap.finish()
    return replaced


def _biases(checkpoint: Checkpoint, places: Sequence[Site]) -> dict[str, str]:
    """By weight, biases that may move: of one layer, and no earlier step's work."""
    found = biases(checkpoint.model, places)
    return {w: b for w, b in found.items() if b not in checkpoint.traits}


def _add(bias: onnx.TensorProto, shift: Floats) -> None:
    old = np.asarray(array(bias), np.float32)
    bias.CopyFrom(numpy_helper.from_array(old + shift.reshape(old.shape), bias.name))


def _weight(tensors: Mapping[str, onnx.TensorProto], layer: Layer) -> Floats:
    return np.asarray(array(tensors[layer.name]), np.float32)


def _reasons(left: Sequence[Left]) -> str:
    return named([LeftAlone(one.name, one.reason) for one in left])


def _own(context: Context) -> Path:
    """A new folder of this step."""
    return Path(tempfile.mkdtemp(dir=context.folder))
