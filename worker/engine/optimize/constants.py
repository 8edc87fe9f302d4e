"""Nodes whose inputs are all constant, computed once."""

import math

import onnx
from onnx import helper

from worker.engine.graph.initializers import initializers
from worker.engine.graph.layers import layers
from worker.engine.graph.operators import subgraphs
from worker.engine.graph.shapes import shapes
from worker.engine.onnx_file.spill import Spill
from worker.engine.optimize.duplicates import NEVER_THE_SAME
from worker.engine.session import open_session, run

LARGEST_ELEMENTS = 1 << 16  # a larger result would cost more bytes than the node it replaces
KEPT = {"DequantizeLinear", "QuantizeLinear"}  # they store a tensor smaller than its value


def fold_constants(model: onnx.ModelProto, spill: Spill) -> int:
    """Replace such nodes by constants of the same name, in place; how many went.

    Left as they are: nodes that read a layer's weight, whose name is the layer's id; random
    ones; those whose result is large or of unknown size; those with a sub-graph.
    """
    graph = model.graph
    weights = {layer.id for layer in layers(model)}
    known, sizes = initializers(model), shapes(model)
    folded = 0
    for node in list(graph.node):
        if not _foldable(node, known, weights):
            continue
        if any(_elements(sizes.get(name)) > LARGEST_ELEMENTS for name in node.output if name):
            continue
        for tensor in _computed(model, node, known, spill):
            graph.initializer.append(tensor)
            known[tensor.name] = graph.initializer[-1]
        graph.node.remove(node)
        folded += 1
    return folded


def _foldable(
    node: onnx.NodeProto, known: dict[str, onnx.TensorProto], weights: set[str]
) -> bool:
    inputs = [name for name in node.input if name]
    return (
        node.domain in {"", "ai.onnx"}
        and node.op_type not in NEVER_THE_SAME | KEPT
        and not any(True for _ in subgraphs(node))
        and all(name in known for name in inputs)
        and not weights & set(inputs)
    )


def _elements(shape: tuple[int | str | None, ...] | None) -> float:
    sizes = [size for size in shape or () if isinstance(size, int)]
    known = shape is not None and len(sizes) == len(shape)
    return math.prod(sizes) if known else math.inf


def _computed(
    model: onnx.ModelProto,
    node: onnx.NodeProto,
    known: dict[str, onnx.TensorProto],
    spill: Spill,
) -> list[onnx.TensorProto]:
    """The outputs of one node, by onnxruntime itself; it maps the inputs that are mapped."""
    names = [name for name in node.output if name]
    alone = helper.make_graph(
        [node],
        "constant",
        inputs=[],
        outputs=[onnx.ValueInfoProto(name=name) for name in names],
        initializer=[known[name] for name in dict.fromkeys(node.input) if name],
    )
    single = onnx.ModelProto(ir_version=model.ir_version, graph=alone)
    single.opset_import.extend(model.opset_import)
    values = run(open_session(single), {})
    return [spill.tensor(name, values[name]) for name in names]
