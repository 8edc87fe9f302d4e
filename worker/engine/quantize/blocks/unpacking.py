"""Integers that become floats when the file is opened, by standard operators of opset 18.

    codes   BitShift by (4, 0) to the left, then by 4 to the right: both halves of a byte
    floats  Cast, minus the zero points, times the scales
    shape   Reshape, and Transpose where the file holds (in, out)

All inputs are constants, so onnxruntime folds the operators when it opens the file and
computes with floats; DequantizeLinear would run at every call.
"""

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from worker.engine.quantize.blocks.chosen import Layer
from worker.engine.quantize.blocks.grid import Quantized, one_if_equal
from worker.engine.quantize.blocks.packed_bits import packed
from worker.engine.quantize.blocks.parts import Parts


def widened(layer: Layer, quantized: Quantized, bits: int, parts: Parts) -> None:
    """Add to `parts` the integers of (rows, columns) `quantized`, `bits` each in the file, and
    the nodes that make the layer's float weight of them."""
    rows, columns = quantized.codes.shape
    width = quantized.scales.width
    codes = quantized.in_blocks(width)
    blocks = codes.shape[1]
    value = parts.tensor("quantized", _stored(codes, bits))
    if bits < 8:  # noqa: PLR2004 - a byte
        each = 8 // bits
        left = [8 - bits * (place + 1) for place in range(each)]
        value = parts.node("BitShift", [value, parts.bytes(left)], "left", direction="LEFT")
        value = parts.node(
            "BitShift", [value, parts.bytes([8 - bits])], "right", direction="RIGHT"
        )
        value = parts.node("Reshape", [value, parts.shape([rows, blocks, width])], "codes")
    value = parts.node("Cast", [value], "wide", to=TensorProto.FLOAT)
    value = parts.node("Sub", [value, _zeros(quantized, parts)], "centred")
    scale = one_if_equal(quantized.scales.scale)[..., None]
    value = parts.node("Mul", [value, parts.tensor("scale", scale)], "blocks")
    if blocks * width > columns:
        value = parts.node("Reshape", [value, parts.shape([rows, blocks * width])], "padded")
        ends = [parts.shape([0]), parts.shape([columns]), parts.shape([1])]
        value = parts.node("Slice", [value, *ends], "cut")
    if layer.site.form == "columns":
        value = parts.node("Reshape", [value, parts.shape([rows, columns])], "rows")
        parts.last("Transpose", [value], layer.name)
    else:
        parts.last("Reshape", [value, parts.shape(layer.site.shape)], layer.name)


def _stored(codes: NDArray[np.uint8], bits: int) -> NDArray[np.uint8]:
    """(rows, blocks, width), or the bytes (rows, blocks, n, 1) that shifts are spread over."""
    return codes if bits == 8 else packed(codes, bits)[..., None]  # noqa: PLR2004 - a byte


def _zeros(quantized: Quantized, parts: Parts) -> str:
    zero = one_if_equal(quantized.scales.zero)[..., None]
    if zero.size == 1:
        return parts.tensor("zero_point", zero)
    stored = parts.tensor("zero_point", zero.astype(np.uint8))
    return parts.node("Cast", [stored], "zeros", to=TensorProto.FLOAT)
