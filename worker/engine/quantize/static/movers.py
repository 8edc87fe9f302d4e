"""Keep integers where values only move: no float between a DequantizeLinear and an Add.

onnxruntime's QOperator form leaves Slice and Pad in floats, so a residual shortcut that pads
channels (option A of He et al. 2016) goes

    q -> DequantizeLinear -> Slice -> Pad -> QuantizeLinear -> QLinearAdd

Moving commutes with x = scale (q - zero_point), and the zero of Pad is the integer zero_point.
So the movers take q itself, and QLinearAdd, which has a scale for each operand, takes theirs:

    q -> Slice -> Pad(zero_point) -> QLinearAdd

Nothing is rounded a second time; ResNet-20 runs 4 float nodes and their 8 conversions fewer.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import onnx

from worker.engine.graph.initializers import initializers
from worker.engine.graph.uses import consumers, live, producers
from worker.engine.onnx_file.array import array

MOVERS = frozenset({"Slice", "Pad", "Transpose", "Reshape", "Flatten", "Squeeze", "Unsqueeze"})
ADD = "QLinearAdd"
OPERANDS = (0, 3)  # where QLinearAdd has a value; its scale and zero point follow


@dataclass(frozen=True, slots=True)
class _Detour:
    """`start` dequantizes, `moved` only move, `end` quantizes again, in graph order."""

    start: onnx.NodeProto
    moved: tuple[onnx.NodeProto, ...]
    end: onnx.NodeProto


def keep_integers(model: onnx.ModelProto) -> None:
    """Take every detour through floats that ends in additions only out of `model`.

    A detour whose values anything else reads, or whose Pad adds something but zeros, stays.
    """
    graph = model.graph
    tensors = initializers(model)
    for detour in list(_detours(graph, tensors)):
        source, scale, zero_point = detour.start.input[:3]
        first = detour.moved[0]
        first.input[0] = source
        for node in detour.moved:
            if node.op_type == "Pad":
                _pad_with(node, zero_point)
        for reader in consumers(graph)[detour.end.output[0]]:
            for place in OPERANDS:
                if reader.input[place] == detour.end.output[0]:
                    replaced = (detour.moved[-1].output[0], scale, zero_point)
                    for offset, name in enumerate(replaced):
                        reader.input[place + offset] = name
    _sweep(graph)


def _detours(graph: onnx.GraphProto, tensors: dict[str, onnx.TensorProto]) -> Iterator[_Detour]:
    made_by, read_by = producers(graph), consumers(graph)
    shown = {output.name for output in graph.output}
    for end in graph.node:
        if end.op_type != "QuantizeLinear" or end.output[0] in shown:
            continue
        if any(reader.op_type != ADD for reader in read_by.get(end.output[0], [])):
            continue
        moved: list[onnx.NodeProto] = []
        reader, value = end, end.input[0]
        while value in made_by and value not in shown and read_by[value] == [reader]:
            reader = made_by[value]
            if not _only_moves(reader, tensors):
                break
            moved.insert(0, reader)
            value = reader.input[0]
        start = made_by.get(value)
        if moved and start is not None and _dequantizes(start, tensors):
            yield _Detour(start, tuple(moved), end)


def _only_moves(node: onnx.NodeProto, tensors: dict[str, onnx.TensorProto]) -> bool:
    if node.op_type != "Pad":
        return node.op_type in MOVERS
    modes = [attribute.s for attribute in node.attribute if attribute.name == "mode"]
    if modes not in ([], [b"constant"]):
        return True  # reflected and repeated values move, too
    filler = node.input[2] if len(node.input) > 2 else ""  # noqa: PLR2004 - its third input
    return not filler or (filler in tensors and not array(tensors[filler]).any())


def _dequantizes(node: onnx.NodeProto, tensors: dict[str, onnx.TensorProto]) -> bool:
    """Whether the node leaves one grid for the whole tensor, zero point included."""
    _, *grid = node.input
    known = [name for name in grid if name in tensors and not tensors[name].dims]
    return node.op_type == "DequantizeLinear" and len(grid) == len(known) == 2  # noqa: PLR2004


def _pad_with(node: onnx.NodeProto, zero_point: str) -> None:
    axes = list(node.input[3:])
    del node.input[2:]
    node.input.extend([zero_point, *axes])


def _sweep(graph: onnx.GraphProto) -> None:
    """Drop the conversions that nothing reads any more, and what only they read."""
    alive = live(graph)
    nodes = [node for node in graph.node if any(name in alive for name in node.output)]
    del graph.node[:]
    graph.node.extend(nodes)
    read = {name for node in nodes for name in node.input}
    tensors = [tensor for tensor in graph.initializer if tensor.name in read]
    del graph.initializer[:]
    graph.initializer.extend(tensors)
