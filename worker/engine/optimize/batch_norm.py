"""BatchNormalization merged into the layer before it.

Inference form of Ioffe and Szegedy, arXiv:1502.03167, algorithm 2: with s = gamma /
sqrt(var + eps), one number a channel,

    BN(W x + b) = s (W x + b - mean) + beta = (s W) x + (s (b - mean) + beta)

so W' = s W along the output channels and b' = s (b - mean) + beta. A Gemm computes
alpha A B + c C; there W' = s B and C' = (s (c C - mean) + beta) / c.
"""

from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from worker.engine.graph.initializers import initializers
from worker.engine.graph.uses import consumers, producers
from worker.engine.onnx_file.array import array
from worker.engine.onnx_file.blocks import blocks
from worker.engine.onnx_file.place import is_mapped
from worker.engine.onnx_file.spill import Spill
from worker.engine.optimize.names import fresh

Array = NDArray[np.float64]
STATISTICS = 5  # x, gamma, beta, mean, var


@dataclass(frozen=True, slots=True)
class _Merge:
    """A layer and the norm after it, with the constants of both."""

    layer: onnx.NodeProto
    norm: onnx.NodeProto
    weight: onnx.TensorProto
    bias: onnx.TensorProto | None


def merge_batch_norms(
    model: onnx.ModelProto,
    untouchable: frozenset[str],
    spill: Spill,
    masked: frozenset[str] = frozenset(),
) -> int:
    """Merge, in place, each BatchNormalization that alone reads a Conv, ConvTranspose or Gemm
    whose weights nothing else reads; how many went. Tensors in `untouchable` stay as they
    are. Zeros of a `masked` weight stay zero under a scale; one of a bias or of the norm
    would not, so these stay too.

    The weight keeps its name, and where it is large goes to `spill` piece by piece; a bias
    that was missing takes the name of the norm's shift.
    """
    merged = 0
    for norm in list(model.graph.node):
        if (found := _mergeable(model, norm)) is None:
            continue
        others = {name for name in (*found.layer.input[2:], *norm.input[1:STATISTICS]) if name}
        if found.weight.name in untouchable or others & (untouchable | masked):
            continue
        _merge(model, found, spill)
        merged += 1
    return merged


def _mergeable(model: onnx.ModelProto, norm: onnx.NodeProto) -> _Merge | None:
    known, read_by = initializers(model), consumers(model.graph)
    handed_out = {output.name for output in model.graph.output}
    if not _plain(norm) or any(name not in known for name in norm.input[1:STATISTICS]):
        return None
    layer = producers(model.graph).get(norm.input[0])
    if layer is None or norm.input[0] in handed_out or len(read_by[norm.input[0]]) > 1:
        return None
    if layer.op_type not in {"Conv", "ConvTranspose", "Gemm"}:
        return None
    own = [name for name in layer.input[1:] if name]
    if any(name not in known or len(read_by[name]) > 1 for name in own):
        return None
    weight, bias = known[own[0]], known[own[1]] if len(own) > 1 else None
    if bias is not None and list(bias.dims) != list(known[norm.input[1]].dims):
        return None  # a Gemm may add a number, or a row for each example
    scaled_bias = layer.op_type != "Gemm" or _number(layer, "beta", 1.0) != 0
    return _Merge(layer, norm, weight, bias) if scaled_bias else None


def _plain(norm: onnx.NodeProto) -> bool:
    """A BatchNormalization that only normalises."""
    return (
        norm.op_type == "BatchNormalization"
        and not _number(norm, "training_mode", 0)
        and len([name for name in norm.output if name]) == 1
    )


def _merge(model: onnx.ModelProto, found: _Merge, spill: Spill) -> None:
    known = initializers(model)
    layer, norm = found.layer, found.norm
    gamma, beta, mean, variance = (_array(known[name]) for name in norm.input[1:STATISTICS])
    scale = gamma / np.sqrt(variance + _number(norm, "epsilon", 1e-5))
    factor = _number(layer, "beta", 1.0) if layer.op_type == "Gemm" else 1.0
    shift = np.zeros_like(mean) if found.bias is None else factor * _array(found.bias)
    _scale(found.weight, _factors(layer, tuple(found.weight.dims), scale), spill)
    bias = (scale * (shift - mean) + beta) / factor
    if found.bias is not None:
        _store(found.bias, bias)
    else:
        dtype = helper.tensor_dtype_to_np_dtype(found.weight.data_type)
        name = fresh(model.graph, norm.input[2])
        if len(consumers(model.graph)[norm.input[2]]) == 1:
            name = norm.input[2]
            model.graph.initializer.remove(known[name])
        model.graph.initializer.append(numpy_helper.from_array(bias.astype(dtype), name))
        del layer.input[2:]
        layer.input.append(name)
    layer.output[0] = norm.output[0]
    model.graph.node.remove(norm)


def _factors(layer: onnx.NodeProto, shape: tuple[int, ...], scale: Array) -> Array:
    """What each number of a weight of `shape` is multiplied by, to be broadcast: 1 where an
    axis does not matter.

    Conv (O, I/g, *k); ConvTranspose (I, O/g, *k), where group j of the inputs makes the
    outputs j O/g to (j + 1) O/g - 1; Gemm (I, O), or (O, I) with transB.
    """
    ones = [1] * (len(shape) - 2)
    if layer.op_type == "Gemm" and not _number(layer, "transB", 0):
        return scale.reshape(1, -1)
    if layer.op_type != "ConvTranspose":
        return scale.reshape(-1, 1, *ones)
    groups = int(_number(layer, "group", 1))
    each = np.repeat(scale.reshape(groups, -1), shape[0] // groups, axis=0)
    return each.reshape(*each.shape, *ones)


def _scale(tensor: onnx.TensorProto, factors: Array, spill: Spill) -> None:
    """Multiply in float64, in place."""
    values = array(tensor)
    parts = (
        np.multiply(values[rows], factors[rows] if len(factors) > 1 else factors).astype(
            values.dtype
        )
        for rows in blocks(values)
    )
    if is_mapped(tensor):
        tensor.CopyFrom(spill.streamed(tensor.name, values.dtype, values.shape, parts))
    else:
        tensor.CopyFrom(numpy_helper.from_array(np.concatenate(list(parts)), tensor.name))


def _array(tensor: onnx.TensorProto) -> Array:
    return array(tensor).astype(np.float64)


def _store(tensor: onnx.TensorProto, values: Array) -> None:
    dtype = helper.tensor_dtype_to_np_dtype(tensor.data_type)
    tensor.CopyFrom(numpy_helper.from_array(values.astype(dtype), tensor.name))


def _number(node: onnx.NodeProto, name: str, default: float) -> float:
    found = next((a for a in node.attribute if a.name == name), None)
    return default if found is None else float(helper.get_attribute_value(found))
