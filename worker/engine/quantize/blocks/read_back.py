"""How many weights of a lowered file mean something else than zero."""

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
from numpy.typing import NDArray

from worker.engine.onnx_file.array import array
from worker.engine.quantize.blocks.packed_bits import unpacked

Codes = NDArray[np.uint8]


def nonzero_weights(
    layer: str,
    tensors: Mapping[str, onnx.TensorProto],
    readers: Mapping[str, Sequence[onnx.NodeProto]],
) -> tuple[int, int] | None:
    """Of the layer whose integers are called `layer_quantized`, beside how many codes there
    are; None where quantize.weights did not make them. Padding behind the last column is made
    of codes of zero."""
    name = f"{layer}_quantized"
    stored = tensors.get(name)
    if stored is None or not readers.get(name):
        return None
    node, data = readers[name][0], array(stored).astype(np.uint8)
    zeros = tensors.get(f"{layer}_zero_point")
    match node.op_type:
        case "MatMulNBits":
            codes = unpacked(data, bits := _integer(node, "bits"))
            zero = _zeros_of_kernel(zeros, codes.shape[0], codes.shape[1], bits)[..., None]
        case "GatherBlockQuantized":
            codes = unpacked(data, bits := _integer(node, "bits"))
            blocks = tensors[node.input[2]].dims[1]
            zero = _zeros_of_kernel(zeros, codes.shape[0], blocks, bits)
            zero = np.repeat(zero, _integer(node, "block_size"), axis=1)[:, : codes.shape[1]]
        case "BitShift":
            codes = unpacked(data[..., 0], 8 // tensors[node.input[1]].dims[0])
            zero = _zeros_of_chain(zeros)
        case "Cast" if data.ndim == 3:  # noqa: PLR2004 - (rows, blocks, width)
            codes = data
            zero = _zeros_of_chain(zeros)
        case _:
            return None
    return int(np.count_nonzero(codes != zero)), codes.size


def _zeros_of_kernel(
    stored: onnx.TensorProto | None, rows: int, blocks: int, bits: int
) -> Codes:
    """(rows, blocks)"""
    if stored is None:
        return np.full((rows, blocks), 1 << (bits - 1), np.uint8)
    return unpacked(array(stored).astype(np.uint8), bits)[:, :blocks]


def _zeros_of_chain(stored: onnx.TensorProto | None) -> Codes:
    """(rows, blocks, 1), or (1, 1, 1); as whole numbers."""
    if stored is None:
        return np.zeros((1, 1, 1), np.uint8)
    return array(stored).astype(np.uint8)


def _integer(node: onnx.NodeProto, attribute: str) -> int:
    return next(int(a.i) for a in node.attribute if a.name == attribute)
