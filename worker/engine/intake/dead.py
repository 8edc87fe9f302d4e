"""Nodes and constants that no output depends on are removed."""

import onnx

from worker.engine.graph.uses import live


def remove_dead(model: onnx.ModelProto) -> None:
    """Keep what the outputs need, in place; the inputs all stay."""
    graph = model.graph
    alive = live(graph)
    nodes = [node for node in graph.node if alive.intersection(node.output)]
    tensors = [tensor for tensor in graph.initializer if tensor.name in alive]
    if len(nodes) < len(graph.node):
        del graph.node[:]
        graph.node.extend(nodes)
    if len(tensors) < len(graph.initializer):
        del graph.initializer[:]
        graph.initializer.extend(tensors)
