"""Half precision: IEEE 754 binary16, 11 significant bits, largest finite number 65504.

Names and types of inputs and outputs stay. Layers whose weights are too large for float16
keep float32, as do operators that cannot be half (see `half`). On a CPU the runtime mostly
casts back and computes in float32: the file is half the size, not faster.
"""

import tempfile
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto

from lathe.errors import StepImpossible
from lathe.techniques.quantize import QuantizeFloat
from worker.engine.checkpoint import Checkpoint
from worker.engine.context import Context
from worker.engine.graph.initializers import initializers
from worker.engine.graph.layers import layers
from worker.engine.onnx_file.array import array
from worker.engine.onnx_file.blocks import blocks
from worker.engine.onnx_file.spill import Spill
from worker.engine.outcome import Outcome
from worker.engine.quantize.grids import lowered_checkpoint, lowering_facts
from worker.engine.quantize.half import LARGEST, halved
from worker.engine.quantize.nodes import named, nodes_of
from worker.engine.quantize.require_float import require_float


def quantize_float(checkpoint: Checkpoint, spec: QuantizeFloat, context: Context) -> Outcome:
    """Store and compute in float16 whatever is not excluded and fits.

    Raises UnknownLayer for an excluded layer that the model does not have, StepImpossible
    where the model is quantized already or no float32 layer is left to convert.
    """
    require_float(checkpoint.model)
    model = checkpoint.private()
    named(model)
    before = layers(model)
    overflowing = _overflowing(model) & {layer.id for layer in before}
    keep_full = {*nodes_of(model, spec.exclude), *nodes_of(model, overflowing)}
    own = Path(tempfile.mkdtemp(dir=context.folder))
    with Spill(own / "tensors") as spill:
        clamped = halved(model, keep_full, spill)
    after = initializers(model)
    lowered = frozenset(
        layer.id
        for layer in before
        if layer.id in after and after[layer.id].data_type == TensorProto.FLOAT16
    )
    if not lowered:
        raise StepImpossible(
            "no layer has float32 weights that fit float16, or all of them are excluded"
        )
    facts = lowering_facts(checkpoint, model, before, lowered)
    facts |= {
        "overflowing_layers": ", ".join(sorted(overflowing)) or None,
        "clamped_constants": clamped,
        "faster_on_cpu": False,
    }
    return Outcome(lowered_checkpoint(checkpoint, model, {}), facts)


def _overflowing(model: onnx.ModelProto) -> set[str]:
    return {
        name
        for name, tensor in initializers(model).items()
        if tensor.data_type == TensorProto.FLOAT and _beyond(array(tensor).reshape(-1))
    }


def _beyond(flat: NDArray[np.generic]) -> bool:
    parts = (flat[part] for part in blocks(flat))
    return any(part.min() < -LARGEST or part.max() > LARGEST for part in parts)
