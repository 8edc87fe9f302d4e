"""The integers of large weights, computed block by block where stand-ins had been quantized.

    q = clamp(round(w / scale) + zero_point),  ties to even, in float32

as onnxruntime's quantizer computes it (quant_utils.quantize_nparray, onnxruntime 1.31), so
the result is the same to the bit.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from worker.engine.graph.initializers import initializers
from worker.engine.onnx_file.array import array
from worker.engine.onnx_file.blocks import blocks
from worker.engine.onnx_file.spill import Spill
from worker.engine.quantize.extremes import extremes
from worker.engine.quantize.original import Original
from worker.engine.quantize.weight_grid import weight_grid

QUANTIZED, SCALE, ZERO_POINT = "_quantized", "_scale", "_zero_point"  # onnxruntime's names


@dataclass(frozen=True, slots=True)
class Blank:
    """The stand-ins were blank, so the grid is still to be computed: signed integers are
    symmetric, in 7 bits with `reduce_range`; unsigned ones are not."""

    reduce_range: bool


def refill(
    model: onnx.ModelProto, hidden: Mapping[str, Original], spill: Spill, blank: Blank | None
) -> None:
    """Put what the stand-ins stood for into a quantized model, in place.

    A weight that stayed float gets its own numbers back, one that became integers those on
    its grid: the one that scale and zero point tell, or where they were `blank` a new one.
    """
    tensors = initializers(model)
    for tensor in model.graph.initializer:
        name = tensor.name
        if name in hidden:
            tensor.CopyFrom(_float(name, hidden[name], spill))
        elif (weight := name.removesuffix(QUANTIZED)) != name and weight in hidden:
            original = hidden[weight]
            dtype = np.dtype(helper.tensor_dtype_to_np_dtype(tensor.data_type))
            scale, zero_point = tensors[weight + SCALE], tensors[weight + ZERO_POINT]
            if blank is not None:
                _find_grid(original, scale, zero_point, blank)
            parts = _integers(original, array(scale), array(zero_point), dtype)
            tensor.CopyFrom(spill.streamed(name, dtype, original.values.shape, parts))


def _find_grid(
    original: Original, scale: onnx.TensorProto, zero_point: onnx.TensorProto, blank: Blank
) -> None:
    """Set both tensors, in place: vectors where the quantizer made vectors, else numbers."""
    dtype = np.dtype(helper.tensor_dtype_to_np_dtype(zero_point.data_type))
    low, high = extremes(original, original.axis)
    if not scale.dims:
        low, high = low.min(keepdims=True), high.max(keepdims=True)
    scales, zeros = weight_grid(low, high, dtype, reduce_range=blank.reduce_range)
    shape = scales.shape if scale.dims else ()
    for tensor, values in ((scale, scales), (zero_point, zeros)):
        tensor.CopyFrom(numpy_helper.from_array(values.reshape(shape), tensor.name))


def _float(name: str, original: Original, spill: Spill) -> onnx.TensorProto:
    if original.turned:
        values = original.values
        parts = (values[rows] for rows in blocks(values))
        return spill.streamed(name, values.dtype, values.shape, parts)
    same = onnx.TensorProto()
    same.CopyFrom(original.tensor)
    same.name = name
    return same


def _integers(
    original: Original,
    scale: NDArray[np.generic],
    zero_point: NDArray[np.generic],
    dtype: np.dtype[np.generic],
) -> Iterator[NDArray[np.generic]]:
    """Rows of the integers, in order."""
    values = original.values
    shape = [-1 if k == original.axis else 1 for k in range(values.ndim)]
    scales, zeros = scale.reshape(shape), zero_point.reshape(shape)
    shifted = bool(zeros.any())
    smallest, largest = (-128, 127) if dtype == np.int8 else (0, 255)
    room: NDArray[np.float32] = np.empty(0, np.float32)
    for rows in blocks(values):
        part = values[rows]
        mine = rows if len(scales) > 1 else slice(None)
        if len(room) < len(part):
            room = np.empty(part.shape, np.float32)
        q = room[: len(part)]
        np.divide(part, scales[mine], out=q)
        np.rint(q, out=q)
        if shifted:
            np.add(q, zeros[mine], out=q)
        np.clip(q, smallest, largest, out=q)
        yield q.astype(dtype)
