"""Integers that the runtime reads as they are: MatMulNBits and GatherBlockQuantized.

    MatMulNBits            B (out, blocks, bytes), scales (out, blocks), zero points
                           (out, bytes of blocks codes), a bias (out,)
    GatherBlockQuantized   data (rows, bytes), scales (rows, blocks), zero points like above

Both are of the domain com.microsoft and read zero points as packed as the codes; without any
they take 2^(bits - 1). A kernel's blocks are a power of two: wider ones of a grid are several
of the kernel's with the same scale.
"""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import onnx
from onnx import helper

from worker.engine.layerwise.site import Reader
from worker.engine.quantize.blocks.chosen import LARGEST_BLOCK, Layer, power_of_two
from worker.engine.quantize.blocks.grid import Quantized
from worker.engine.quantize.blocks.packed_bits import packed
from worker.engine.quantize.blocks.parts import Parts

DOMAIN = "com.microsoft"
INT8_INPUTS = 4  # MatMulNBits' accuracy_level
Said = dict[str, Any]
BIAS = 2  # place of a Gemm's third input


def multiplied(
    layer: Layer,
    quantized: Quantized,
    bits: int,
    parts: Parts,
    *,
    arithmetic: Literal["float", "int8"],
    vectors: Mapping[str, int],
) -> None:
    """Exchange the readers of a weight for MatMulNBits; `vectors` are the lengths of constants
    of one axis, by name."""
    rows, columns = quantized.codes.shape
    block = min(power_of_two(columns), LARGEST_BLOCK)
    if quantized.scales.width < columns:
        block = quantized.scales.width
    codes = packed(quantized.in_blocks(block), bits)  # (rows, blocks, bytes)
    constants = [parts.tensor("quantized", codes), *_grid(quantized, block, bits, parts)]
    said: Said = {"K": columns, "N": rows, "bits": bits, "block_size": block}
    if arithmetic == "int8":
        said["accuracy_level"] = INT8_INPUTS
    for reader in layer.site.readers:
        parts.instead[reader.number] = _products(reader, rows, constants, said, parts, vectors)


def looked_up(layer: Layer, quantized: Quantized, bits: int, parts: Parts) -> None:
    """Exchange the readers of a table for GatherBlockQuantized."""
    columns = quantized.codes.shape[1]
    whole = quantized.scales.width >= columns
    block = power_of_two(columns) if whole else quantized.scales.width
    data = parts.tensor("quantized", packed(quantized.codes, bits))
    grid = _grid(quantized, block, bits, parts)
    for reader in layer.site.readers:
        node = helper.make_node(
            "GatherBlockQuantized",
            [data, reader.node.input[1], *grid],
            list(reader.node.output),
            name=reader.node.name,
            domain=DOMAIN,
            bits=bits,
            block_size=block,
            gather_axis=0,
            quantize_axis=1,
        )
        parts.instead[reader.number] = [node]


def _grid(quantized: Quantized, block: int, bits: int, parts: Parts) -> list[str]:
    """Names of the scales and, unless all are in the middle, of the zero points."""
    rows, columns = quantized.codes.shape
    starts = np.arange(0, columns, block) // quantized.scales.width
    scale = np.broadcast_to(quantized.scales.scale[:, starts], (rows, len(starts)))
    names = [parts.tensor("scale", scale)]
    zero = quantized.scales.zero[:, starts].astype(np.uint8)
    if np.any(zero != 1 << (bits - 1)):
        names.append(parts.tensor("zero_point", packed(zero, bits)))
    return names


def _products(
    reader: Reader,
    rows: int,
    constants: list[str],
    said: Said,
    parts: Parts,
    vectors: Mapping[str, int],
) -> list[onnx.NodeProto]:
    """The product, and a bias that is no constant vector added behind it."""
    node = reader.node
    bias = node.input[BIAS] if len(node.input) > BIAS else ""
    inputs, made = [node.input[0], *constants], [node.output[0]]
    if bias and vectors.get(bias) == rows:
        inputs += [""] * (5 - len(inputs)) + [bias]
    elif bias:
        made = [parts.name("product")]
    product = helper.make_node(
        "MatMulNBits", inputs, made, name=node.name, domain=DOMAIN, **said
    )
    if made == [node.output[0]]:
        return [product]
    name = parts.name("biased")
    return [product, helper.make_node("Add", [*made, bias], [node.output[0]], name=name)]
