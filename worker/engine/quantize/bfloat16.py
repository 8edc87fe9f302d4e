"""Weights as bfloat16: the upper half of a float32, rounded to nearest, ties to even.

    sign 1, exponent 8, significand 8 (7 stored): the range of float32, 2 to 3 decimal digits

Storage alone: a Cast widens each weight when the file is opened, and the runtime computes with
float32, as fast as before. So no operator needs a bfloat16 kernel, of which a CPU has few.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import ml_dtypes
import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from lathe.errors import StepImpossible
from lathe.techniques.quantize import QuantizeFloat
from worker.engine.checkpoint import Checkpoint
from worker.engine.context import Context
from worker.engine.graph.layers import layers
from worker.engine.graph.weight_tensors import weight_tensors
from worker.engine.onnx_file.place import is_mapped
from worker.engine.onnx_file.rewrite import flat_parts
from worker.engine.onnx_file.spill import Spill
from worker.engine.optimize.names import fresh, read_instead
from worker.engine.outcome import Outcome
from worker.engine.quantize.grids import lowered_checkpoint, lowering_facts
from worker.engine.quantize.nodes import excluded_layers
from worker.engine.quantize.require_float import require_float

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
LARGEST = float(np.uint32(0x7F7F0000).view(np.float32))  # 255/128 * 2^127


def store_bfloat16(checkpoint: Checkpoint, spec: QuantizeFloat, context: Context) -> Outcome:
    """Store the weights of all layers that are not excluded in bfloat16.

    Raises UnknownLayer for an excluded layer that the model does not have, StepImpossible
    where the model is quantized already or has no float32 weight left to store so.
    """
    require_float(checkpoint.model)
    model = checkpoint.private()
    excluded = excluded_layers(model, spec.exclude)
    before = layers(model)
    handed_out = {output.name for output in model.graph.output}
    chosen = [
        weight
        for weight in weight_tensors(model, excluded, embeddings=True)
        if weight.tensor.data_type == TensorProto.FLOAT and weight.name not in handed_out
    ]
    if not chosen:
        raise StepImpossible("no layer has float32 weights, or all of them are excluded")
    own = Path(tempfile.mkdtemp(dir=context.folder))
    with Spill(own / "tensors") as spill:
        casts = [_stored(model, weight.tensor, spill) for weight in chosen]
    nodes = [*casts, *model.graph.node]
    nodes = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    lowered = frozenset(weight.layer for weight in chosen)
    facts = lowering_facts(checkpoint, model, before, lowered)
    facts |= {"weights_in_bfloat16": len(chosen), "faster_on_cpu": False}
    return Outcome(lowered_checkpoint(checkpoint, model, {}), facts)


def _stored(model: onnx.ModelProto, tensor: onnx.TensorProto, spill: Spill) -> onnx.NodeProto:
    """Narrow a weight in place; the node that widens it again."""
    name, shape = tensor.name, tuple(tensor.dims)
    wide = fresh(model.graph, f"{name}_wide")
    read_instead(model.graph, name, wide)

    def parts() -> Iterator[NDArray[np.generic]]:
        for part in flat_parts(tensor):
            yield np.clip(part, -LARGEST, LARGEST).astype(BFLOAT16)

    if is_mapped(tensor):
        bits = (part.view(np.uint16) for part in parts())
        narrow = spill.streamed(name, np.dtype(np.uint16), shape, bits)
        narrow.data_type = TensorProto.BFLOAT16
    else:
        narrow = numpy_helper.from_array(np.concatenate(list(parts())).reshape(shape), name)
    tensor.CopyFrom(narrow)
    return helper.make_node("Cast", [name], [wide], to=TensorProto.FLOAT)
