"""quantize.log2: zeros and powers of two in the place of weights, which stay float numbers.

No CPU kernel of the runtime makes use of powers of two, so nothing gets faster, and the ONNX
file keeps its size; few values in few bits are what a packed file is for.
"""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import onnx

from lathe.errors import StepImpossible
from lathe.techniques.quantize import QuantizeLog2
from worker.engine.checkpoint import Checkpoint, Trait
from worker.engine.context import Context
from worker.engine.graph.weight_tensors import WeightTensor, weight_tensors
from worker.engine.measure.metrics import relative_norm
from worker.engine.onnx_file.rewrite import flat_parts, rewrite
from worker.engine.onnx_file.spill import Spill
from worker.engine.outcome import FactValue, Outcome
from worker.engine.pace import Pace
from worker.engine.quantize.powers_of_two import Floats, Powers, powers, to_powers
from worker.engine.quantize.require_float import require_float

NAMED = 24  # tensors that the facts name one by one


def quantize_log2(checkpoint: Checkpoint, spec: QuantizeLog2, context: Context) -> Outcome:
    """Put the weights of a copy of the checkpoint's model on powers of two, tensor by tensor.

    Zeros stay zeros, and what shared a value still does. Raises UnknownLayer, StepImpossible
    where no layer is left, the model is quantized already or weights are multiples of a step.
    """
    require_float(checkpoint.model)
    model = checkpoint.private()
    chosen = weight_tensors(model, spec.protect, embeddings=spec.embeddings)
    _refuse(checkpoint, chosen)
    pace = Pace(context.progress, len(chosen), "tensors")
    traits, done = dict(checkpoint.traits), []
    own = Path(tempfile.mkdtemp(dir=context.folder))
    with Spill(own / "tensors") as spill:
        for weight in chosen:
            one = _Tensor(weight.name, _powers(weight.tensor, spec.bits))
            rewrite(weight.tensor, one.parts(weight.tensor), spill)
            trait = traits.get(weight.name, Trait())
            traits[weight.name] = replace(trait, codebook=max(len(one.found - {0.0}), 1))
            done.append(one)
            pace.add(1)
    after = Checkpoint(model, traits, lowered=True)  # training would leave the powers
    return Outcome(after, _facts(done, spec))


def _refuse(checkpoint: Checkpoint, chosen: Sequence[WeightTensor]) -> None:
    if not chosen:
        raise StepImpossible(
            "the model has no layer with float weights to quantize, or all are protected",
            param="protect",
        )
    for weight in chosen:
        if checkpoint.traits.get(weight.name, Trait()).multiples is not None:
            raise StepImpossible(
                f"the weights of {weight.layer!r} are multiples of a step already, which "
                "powers of two would not be; protect the layer, or leave one of the steps out",
                param="protect",
            )


def _powers(tensor: onnx.TensorProto, bits: int) -> Powers:
    largest = max(float(np.abs(part).max(initial=0)) for part in flat_parts(tensor))
    return powers(largest or 1.0, bits)


@dataclass(slots=True)
class _Tensor:
    """What became of one tensor: `found` are its values, `error` and `energy` sums of
    squares so far."""

    name: str
    among: Powers
    found: set[float] = field(default_factory=set)
    weights: int = 0
    zeros: int = 0
    error: float = 0.0
    energy: float = 0.0

    def parts(self, tensor: onnx.TensorProto) -> Iterator[Floats]:
        """Every weight's value, a block at a time."""
        for part in flat_parts(tensor):
            near = to_powers(part, self.among)
            wide = part.astype(np.float64)
            self.error += float(np.sum((near - wide) ** 2))
            self.energy += float(wide @ wide)
            self.zeros += int(np.count_nonzero(near == 0))
            self.weights += near.size
            self.found.update(np.unique(near).tolist())
            yield near

    @property
    def line(self) -> str:
        """For the facts."""
        return (
            f"{self.name} 2^{self.among.smallest} to 2^{self.among.largest}, "
            f"error {relative_norm(self.error, self.energy):.4f}"
        )


def _facts(done: Sequence[_Tensor], spec: QuantizeLog2) -> dict[str, FactValue]:
    """Relative errors are norms: |w - w'| / |w|."""
    more = f" and {len(done) - NAMED} more" if len(done) > NAMED else ""
    error, energy = sum(one.error for one in done), sum(one.energy for one in done)
    return {
        "bits": spec.bits,
        "tensors_on_powers": len(done),
        "weights_on_powers": sum(one.weights for one in done),
        "zero_weights": sum(one.zeros for one in done),
        "relative_error": relative_norm(error, energy),
        "faster_on_cpu": False,
        "smaller_unpacked": False,
        "by_tensor": ", ".join(one.line for one in done[:NAMED]) + more,
    }
