"""Nodes that hand their input on unchanged: Identity, and Dropout outside training."""

import onnx

from worker.engine.graph.initializers import initializers
from worker.engine.graph.uses import consumers, producers
from worker.engine.onnx_file.array import array
from worker.engine.optimize.names import read_instead


def drop_passthrough(model: onnx.ModelProto) -> int:
    """Remove such nodes in place and say how many.

    One that feeds a graph output straight from an input, a constant, or a value that others
    name too stays: the output must keep its name.
    """
    graph = model.graph
    dropped = 0
    for node in list(graph.node):
        if not _passes(model, node):
            continue
        source, result = node.input[0], node.output[0]
        if result in {output.name for output in graph.output}:
            maker = producers(graph).get(source)
            named = source in {output.name for output in graph.output}
            if maker is None or named:
                continue
            graph.node.remove(node)
            maker.output[list(maker.output).index(source)] = result
            read_instead(graph, source, result)
        else:
            graph.node.remove(node)
            read_instead(graph, result, source)
        dropped += 1
    return dropped


def _passes(model: onnx.ModelProto, node: onnx.NodeProto) -> bool:
    if node.domain not in {"", "ai.onnx"}:
        return False
    if node.op_type == "Identity":
        return True
    if node.op_type != "Dropout":
        return False
    mask = node.output[1] if len(node.output) > 1 else ""
    if mask and (
        consumers(model.graph).get(mask) or mask in {o.name for o in model.graph.output}
    ):
        return False
    training = node.input[2] if len(node.input) > 2 else ""  # noqa: PLR2004 - training_mode
    if not training:
        return True
    tensor = initializers(model).get(training)
    return tensor is not None and not array(tensor).any()
