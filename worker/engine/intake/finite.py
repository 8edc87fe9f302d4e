"""Weights that are NaN or infinite are refused: what is computed from them means nothing.

A NaN is refused anywhere. An infinity is refused in what a layer or a norm reads; elsewhere
it is how networks write attention masks and open bounds.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from lathe.errors import NonFiniteWeights
from worker.engine.graph.operators import every_node
from worker.engine.graph.parameters import FLOATS
from worker.engine.intake.tensors import every_tensor
from worker.engine.onnx_file.array import array

CHUNK_ELEMENTS = 1 << 22
READS_WEIGHTS = {
    "Conv", "ConvTranspose", "Gemm", "MatMul", "LSTM", "GRU", "RNN", "Gather",
    "BatchNormalization", "InstanceNormalization", "LayerNormalization", "GroupNormalization",
    "RMSNormalization", "PRelu", "Mul", "QuantizeLinear", "DequantizeLinear",
}  # fmt: skip


def check_finite(model: onnx.ModelProto) -> None:
    """Raise NonFiniteWeights, naming the first tensor that holds what it must not."""
    read = {
        name
        for node in every_node(model.graph)
        if node.op_type in READS_WEIGHTS
        for name in node.input
    }
    for tensor in every_tensor(model):
        if tensor.data_type not in FLOATS:
            continue
        for chunk in _chunks(tensor):
            if np.isfinite(chunk).all():
                continue
            _refuse(tensor, "NaN", int(np.isnan(chunk).sum()))
            if tensor.name in read:
                _refuse(tensor, "infinite", int(np.isinf(chunk).sum()))


def _refuse(tensor: onnx.TensorProto, what: str, count: int) -> None:
    if count:
        raise NonFiniteWeights(
            f"the tensor {tensor.name!r} holds {count} {what} values; train or export the "
            "model again and check its weights"
        )


def _chunks(tensor: onnx.TensorProto) -> Iterator[NDArray[np.floating]]:
    flat: NDArray[Any] = array(tensor).reshape(-1)
    for start in range(0, flat.size, CHUNK_ELEMENTS):
        chunk: NDArray[np.floating] = flat[start : start + CHUNK_ELEMENTS]
        yield chunk if chunk.dtype.kind == "f" else chunk.astype(np.float32)  # bfloat16
