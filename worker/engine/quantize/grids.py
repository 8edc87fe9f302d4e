"""Which layers a lowering really put on integers, read from the lowered file itself."""

import math
from dataclasses import replace

import numpy as np
import onnx
from onnx import TensorProto

from lathe.facts import LayerSpec
from worker.engine.checkpoint import Checkpoint, QuantizedWeights, Trait
from worker.engine.graph.initializers import initializers
from worker.engine.onnx_file.array import array
from worker.engine.onnx_file.write import file_bytes
from worker.engine.outcome import FactValue

INTEGERS = {TensorProto.INT8, TensorProto.UINT8}
NAMED = 8  # layers that a fact lists by name


def weight_grids(
    before: tuple[LayerSpec, ...], lowered: onnx.ModelProto
) -> dict[str, QuantizedWeights]:
    """The grid of every layer whose weight is stored as integers only, by layer id.

    onnxruntime's quantizer names what it makes of the weight W `W_quantized`, `W_scale` and
    `W_zero_point`; a layer that keeps its float weight as well counts as float.
    """
    tensors = initializers(lowered)
    grids = {}
    for layer in before:
        weight = tensors.get(f"{layer.id}_quantized")
        if weight is None or weight.data_type not in INTEGERS or layer.id in tensors:
            continue
        zero_points = array(tensors[f"{layer.id}_zero_point"])
        scales = math.prod(tensors[f"{layer.id}_scale"].dims)
        grids[layer.id] = QuantizedWeights(
            bits=8,
            symmetric=weight.data_type == TensorProto.INT8 and not np.any(zero_points),
            axis=_axis(tuple(weight.dims), scales, layer),
        )
    return grids


def lowered_checkpoint(
    checkpoint: Checkpoint, model: onnx.ModelProto, grids: dict[str, QuantizedWeights]
) -> Checkpoint:
    """The checkpoint after lowering: earlier traits are kept, the grids added.

    Zeros are zero in any type, but codebooks and multiples speak of float32 numbers: where a
    tensor has others now, they are forgotten.
    """
    tensors = initializers(model)
    traits = {}
    for layer, trait in checkpoint.traits.items():
        tensor = tensors.get(layer)
        as_it_was = tensor is not None and tensor.data_type == TensorProto.FLOAT
        traits[layer] = trait if as_it_was else replace(trait, codebook=None, multiples=None)
    for layer, grid in grids.items():
        traits[layer] = replace(traits.get(layer, Trait()), grid=grid)
    return Checkpoint(model=model, traits=traits, lowered=True)


def lowering_facts(
    checkpoint: Checkpoint,
    after: onnx.ModelProto,
    before: tuple[LayerSpec, ...],
    lowered: frozenset[str],
) -> dict[str, FactValue]:
    """Counts and bytes that every lowering reports, and which layers stayed float."""
    stayed = [layer.id for layer in before if layer.id not in lowered]
    more = f" and {len(stayed) - NAMED} more" if len(stayed) > NAMED else ""
    return {
        "layers_quantized": len(before) - len(stayed),
        "layers_float": len(stayed),
        "float_layers": ", ".join(stayed[:NAMED]) + more or None,
        "bytes_before": file_bytes(checkpoint.model),
        "bytes_after": file_bytes(after),
    }


def _axis(shape: tuple[int, ...], scales: int, layer: LayerSpec) -> int | None:
    """The axis that has a scale for each entry; of several that fit, the output channels'."""
    if scales == 1:
        return None
    preferred = {"Conv": 0, "ConvTranspose": 1, "MatMul": 1}.get(layer.operator)
    if preferred is not None and shape[preferred] == scales:
        return preferred
    fitting = [axis for axis, size in enumerate(shape) if size == scales]
    return fitting[0] if fitting else None
