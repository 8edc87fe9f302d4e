"""Multiply-accumulates of a model, for one example.

Counted are the operators that multiply by many weights or by each other; elementwise
operators, pooling, normalisation and table look-ups count nothing.

    Conv           out_positions * C_out * (C_in / groups) * kernel
    ConvTranspose  in_positions * C_in * (C_out / groups) * kernel
    Gemm           M * K * N
    MatMul         elements(Y) * K
    RNN/GRU/LSTM   steps * directions * gates * (I * H + H * H), gates = 1, 3, 4
    Einsum         product of the sizes of all its indices
    Attention      keys, earlier ones too * (elements(Q) + elements(Y))
"""

import math
from collections.abc import Mapping

import onnx

from lathe.facts import Dim
from worker.engine.graph.operators import every_node, subgraphs
from worker.engine.graph.shapes import shapes

Sizes = tuple[int, ...]
RECURRENT_GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
WEIGHT_INPUT = {  # operator -> position of its second factor
    "Conv": 1, "ConvInteger": 1, "QLinearConv": 3, "FusedConv": 1, "ConvTranspose": 1,
    "Gemm": 1, "QGemm": 3,
    "MatMul": 1, "MatMulInteger": 1, "QLinearMatMul": 3, "FusedMatMul": 1,
    "RNN": 1, "GRU": 1, "LSTM": 1, "Einsum": 1,
}  # fmt: skip


def macs(model: onnx.ModelProto) -> int | None:
    """MACs of the whole model for one example, for one run where no leading axis is free;
    None where a shape is unknown.
    """
    known = shapes(model)
    total = 0
    for node in model.graph.node:
        if any(deep.op_type in WEIGHT_INPUT for g in subgraphs(node) for deep in every_node(g)):
            return None
        cost = node_macs(node, known)
        if cost is None:
            return None
        total += cost
    return total


def node_macs(node: onnx.NodeProto, known: Mapping[str, tuple[Dim, ...]]) -> int | None:
    """MACs of one node at the shapes in `known`: 0 for what is not counted, None if unknown."""
    if node.op_type == "Attention" and node.domain in {"", "ai.onnx"}:
        return _attention(node, known)
    if node.op_type not in WEIGHT_INPUT:
        return 0
    if len(node.input) <= WEIGHT_INPUT[node.op_type]:
        return None  # an Einsum of one factor multiplies nothing, or it is a broken node
    left = _sizes(node.input[0], known)
    right = _sizes(node.input[WEIGHT_INPUT[node.op_type]], known)
    out = _sizes(next(name for name in node.output if name), known)
    if left is None or right is None or not left:
        return None
    if node.op_type in RECURRENT_GATES:
        return _recurrent(node, left, right)
    return None if out is None else _product(node, left, right, out)


def _product(node: onnx.NodeProto, left: Sizes, right: Sizes, out: Sizes) -> int | None:
    match node.op_type:
        case "Conv" | "ConvInteger" | "QLinearConv" | "FusedConv":  # right (O, I/g, *k)
            return math.prod(out) * math.prod(right[1:])
        case "ConvTranspose":  # right (I, O/g, *k)
            return math.prod(left) * math.prod(right[1:])
        case "Gemm" | "QGemm":
            outer = _flag(node, "transB")
            return math.prod(out) * right[outer] if len(right) > outer else None
        case "Einsum":
            return _einsum(node, left, right)
        case _:
            return math.prod(out) * left[-1]


def _recurrent(node: onnx.NodeProto, left: Sizes, right: Sizes) -> int | None:
    """Left (T, B, I), right (directions, gates*H, I)."""
    if len(left) != len(right) or len(right) != 3:  # noqa: PLR2004 - as above
        return None
    directions, rows, width = right
    hidden = rows // RECURRENT_GATES[node.op_type]
    steps = left[0] * left[1]  # batch_first (layout 1) only swaps the two
    return steps * directions * rows * (width + hidden)


def _attention(node: onnx.NodeProto, known: Mapping[str, tuple[Dim, ...]]) -> int | None:
    """Q (.., Lq, D), K (.., Lk, D), Y (.., Lq, Dv), heads apart or merged in the last axis."""
    keys = [node.input[k] for k in (1, 4) if k < len(node.input) and node.input[k]]
    q, y, *caches = (_sizes(name, known) for name in (node.input[0], node.output[0], *keys))
    lengths = [cache[-2] for cache in caches if cache is not None]
    if q is None or y is None or len(lengths) < len(caches):
        return None
    return sum(lengths) * (math.prod(q) + math.prod(y))


def _einsum(node: onnx.NodeProto, left: Sizes, right: Sizes) -> int | None:
    equation = onnx.helper.get_node_attr_value(node, "equation").decode().replace(" ", "")
    factors = equation.split("->")[0].split(",")
    if [len(factor) for factor in factors] != [len(left), len(right)]:
        return None  # an ellipsis, or not two factors
    sizes = dict(zip("".join(factors), left + right, strict=True))
    return math.prod(sizes.values())


def _flag(node: onnx.NodeProto, name: str) -> int:
    return next((int(a.i) for a in node.attribute if a.name == name), 0)


def _sizes(name: str, known: Mapping[str, tuple[Dim, ...]]) -> Sizes | None:
    sizes = [size for size in known.get(name, (None,)) if isinstance(size, int)]
    return tuple(sizes) if len(sizes) == len(known.get(name, (None,))) else None
