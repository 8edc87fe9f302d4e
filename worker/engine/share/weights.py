"""share.weights: a codebook for every layer by k-means, its values trained."""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from lathe.errors import StepImpossible
from lathe.techniques.share import ShareWeights
from worker.engine.checkpoint import Checkpoint, Trait
from worker.engine.context import Context
from worker.engine.graph.weight_tensors import WeightTensor, weight_tensors
from worker.engine.measure.metrics import relative_norm
from worker.engine.onnx_file.rewrite import flat_parts, rewrite
from worker.engine.onnx_file.spill import Spill
from worker.engine.outcome import FactValue, Outcome
from worker.engine.pace import Pace
from worker.engine.progress import part_of
from worker.engine.share.kmeans import codebook, nearest, points
from worker.engine.train.course import course
from worker.engine.train.retrain import retrain

CLUSTERED = 0.1  # fraction of the step when k-means is done and training begins
NAMED = 24  # tensors that the facts name one by one
Values = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Shared:
    """What became of one tensor: `error` and `energy` are sums of squares."""

    name: str
    weights: int
    values: int
    error: float
    energy: float


def share_weights(checkpoint: Checkpoint, spec: ShareWeights, context: Context) -> Outcome:
    """Share the weights of a copy of the checkpoint's model, tensor by tensor.

    A tensor with no more weights than the codebook has values is left alone. Without train
    data k-means is all. Raises UnknownLayer, StepImpossible where no layer is left or weights
    are multiples of a step already, and what training raises.
    """
    trains = spec.epochs > 0 and context.train is not None
    clustered, facts = _clustered(checkpoint, spec, context, CLUSTERED if trains else 1.0)
    if not trains:
        return Outcome(clustered, facts)
    later = part_of(context, CLUSTERED, 1)
    taught = course(clustered, spec, later)
    return retrain(clustered, taught.view, spec, taught.lesson, later, facts | taught.facts)


def _clustered(
    checkpoint: Checkpoint, spec: ShareWeights, context: Context, last: float
) -> tuple[Checkpoint, dict[str, FactValue]]:
    """The checkpoint after k-means, which is the step's part up to the fraction `last`."""
    model = checkpoint.private()
    weights = weight_tensors(model, spec.protect, embeddings=spec.embeddings)
    chosen = _chosen(checkpoint, weights, spec)
    pace = Pace(context.progress, len(chosen), "tensors", last=last)
    traits, shared = dict(checkpoint.traits), []
    own = Path(tempfile.mkdtemp(dir=context.folder))
    with Spill(own / "tensors") as spill:
        for weight in chosen:
            trait = traits.get(weight.name, Trait())
            done = _share(weight, spec, spill, sparse=trait.sparse)
            traits[weight.name] = replace(trait, codebook=max(done.values, 1))
            shared.append(done)
            pace.add(1)
    facts = _facts(shared, spec) | {"values_trained": last < 1}
    return replace(checkpoint, model=model, traits=traits), facts


def _chosen(
    checkpoint: Checkpoint, weights: Sequence[WeightTensor], spec: ShareWeights
) -> list[WeightTensor]:
    for weight in weights:
        if checkpoint.traits.get(weight.name, Trait()).multiples is not None:
            raise StepImpossible(
                f"the weights of {weight.layer!r} are multiples of a step already, which "
                "shared values would not be; protect the layer, or leave one of the steps out",
                param="protect",
            )
    chosen = [w for w in weights if np.prod(w.tensor.dims) > 1 << spec.bits]
    if not chosen:
        raise StepImpossible(
            f"no layer is left that has more than {1 << spec.bits} weights to share; lower "
            "bits, or protect fewer layers"
            if weights
            else "the model has no layer with float weights to share, or all are protected"
        )
    return chosen


def _share(weight: WeightTensor, spec: ShareWeights, spill: Spill, *, sparse: bool) -> Shared:
    """Cluster one tensor and put its shared values in place; zeros of a mask stay."""
    tensor = weight.tensor

    def learning() -> Iterator[Values]:
        for part in flat_parts(tensor):
            yield part[part != 0] if sparse else part

    count = sum(part.size for part in learning())
    line = points(learning, count)
    done = _Clustering(codebook(line, (1 << spec.bits) - sparse, spec.iterations), sparse)
    rewrite(tensor, done.parts(tensor), spill)
    found = len(done.found - {0.0})
    return Shared(weight.name, int(np.prod(tensor.dims)), found, done.error, done.energy)


@dataclass(slots=True)
class _Clustering:
    """`found` are the values in use, `error` and `energy` the sums of squares so far."""

    values: Values
    sparse: bool
    found: set[float] = field(default_factory=set)
    error: float = 0.0
    energy: float = 0.0

    def parts(self, tensor: onnx.TensorProto) -> Iterator[Values]:
        """Every weight's value, a block at a time."""
        for part in flat_parts(tensor):
            near = nearest(self.values, part) if len(self.values) else np.zeros_like(part)
            if self.sparse:
                near[part == 0] = 0
            wide = part.astype(np.float64)
            self.error += float(np.sum((near - wide) ** 2))
            self.energy += float(wide @ wide)
            self.found.update(np.unique(near).tolist())
            yield near


def _facts(shared: Sequence[Shared], spec: ShareWeights) -> dict[str, FactValue]:
    """Relative errors are norms: |w - w'| / |w|."""
    energy = sum(one.energy for one in shared)
    error = sum(one.error for one in shared)
    named = [
        f"{s.name} {s.values} values, error {relative_norm(s.error, s.energy):.4f}"
        for s in shared
    ]
    more = f" and {len(named) - NAMED} more" if len(named) > NAMED else ""
    return {
        "bits": spec.bits,
        "tensors_shared": len(shared),
        "weights_shared": sum(one.weights for one in shared),
        "distinct_values": sum(one.values for one in shared),
        "relative_error": relative_norm(error, energy),
        "by_tensor": ", ".join(named[:NAMED]) + more,
    }
