"""Small tensors in the place of large ones, from which a quantizer learns the same.

onnxruntime's quantizers load every weight, but what they compute from one is its extremes: of
each output channel, or of the whole tensor. So they are shown a tensor of two rows, the minima
and the maxima; scale, zero point, biases on their grid and the graph come out the same to the
bit, and the integers are computed afterwards from the mapped weight (`refill`).

    MatMul  (K, N)            -> (2, N)           N columns of the product
    Gemm    (K, N) or (N, K)  -> (2, N) or (N, 2)
    Conv    (O, I, *k)        -> (O, 2, 1, ...)   O output channels
    Gather  (rows, D)         -> (2, D)           one scale for the table; any axis serves

Where nothing else depends on the grid, one number stands for all, and the grid is computed
afterwards, too.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper, shape_inference

from worker.engine.graph.uses import consumers
from worker.engine.onnx_file.place import is_mapped
from worker.engine.quantize.extremes import extremes
from worker.engine.quantize.original import Original

MATRIX = 2
ANY, NONE = -1, -2  # every axis serves; no axis does


def stand_ins(
    model: onnx.ModelProto,
    operators: Collection[str],
    turned: Mapping[str, Original],
    *,
    blank: bool,
) -> dict[str, Original]:
    """Put stand-ins for the mapped tensors of `model`, in place; what they stand for, by name.

    `operators` are those whose constants the quantizer reads; a constant that only others
    read becomes a mere name. A weight that is read in a way without a stand-in stays, and is
    loaded whole. `blank` stand-ins tell nothing about their numbers. Recorded are the types
    of all values, since shapes no longer fit and the quantizer's inference may stop at them.
    """
    types = _types(model)
    readers = consumers(model.graph)
    hidden: dict[str, Original] = {}
    for tensor in model.graph.initializer:
        if not is_mapped(tensor):
            continue
        read = [node for node in readers.get(tensor.name, []) if node.op_type in operators]
        axis = _axis({_channels(node, tensor) for node in read})
        if axis == NONE:
            continue
        original = turned.get(tensor.name) or Original(_copy(tensor))
        original = replace(original, axis=axis % max(1, len(tensor.dims)))
        shown = _nothing(tensor) if blank or not read else _two_rows(original)
        hidden[tensor.name] = original
        tensor.CopyFrom(numpy_helper.from_array(shown, tensor.name))
    del model.graph.value_info[:]
    model.graph.value_info.extend(types)
    return hidden


def _types(model: onnx.ModelProto) -> list[onnx.ValueInfoProto]:
    """Every inner value with its element type and without a shape."""
    inferred = shape_inference.infer_shapes(model).graph.value_info
    return [
        helper.make_tensor_value_info(value.name, value.type.tensor_type.elem_type, None)
        for value in inferred
        if value.type.HasField("tensor_type")
    ]


def _copy(tensor: onnx.TensorProto) -> onnx.TensorProto:
    copy = onnx.TensorProto()
    copy.CopyFrom(tensor)
    return copy


def _channels(node: onnx.NodeProto, tensor: onnx.TensorProto) -> int:
    """The axis of `tensor` that has a scale for each entry when `node` is quantized."""
    rank, places = len(tensor.dims), [k for k, n in enumerate(node.input) if n == tensor.name]
    if tensor.data_type != TensorProto.FLOAT or rank < MATRIX:
        return NONE
    match node.op_type, places:
        case "MatMul", _ if rank == MATRIX:
            return 1
        case "Gemm", [1]:
            leaning = any(a.name == "transB" and a.i for a in node.attribute)
            return 0 if leaning else 1
        case "Conv", [1]:
            return 0
        case "Gather", [0]:
            return ANY
        case _:
            return NONE


def _axis(axes: set[int]) -> int:
    """The one axis that serves all readers, or NONE."""
    told = axes - {ANY}
    if not told:
        return ANY
    return told.pop() if len(told) == 1 else NONE


def _nothing(tensor: onnx.TensorProto) -> NDArray[np.generic]:
    dtype = helper.tensor_dtype_to_np_dtype(tensor.data_type)
    return np.zeros([1] * len(tensor.dims), dtype)


def _two_rows(original: Original) -> NDArray[np.float32]:
    """The extremes of every channel along another axis; all other axes have size 1."""
    axis, rank = original.axis, original.values.ndim
    low, high = extremes(original, axis)
    shape = [low.size if k == axis else 1 for k in range(rank)]
    other = 1 if axis == 0 else 0
    return np.concatenate([low.reshape(shape), high.reshape(shape)], axis=other)
