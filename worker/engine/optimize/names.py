"""Renaming a value wherever it is read."""

import onnx

from worker.engine.graph.operators import every_node, subgraphs


def read_instead(graph: onnx.GraphProto, old: str, new: str) -> None:
    """Every node of `graph` that reads `old`, in sub-graphs too, reads `new`, in place.

    Graph outputs keep their names and so are not followed.
    """
    for node in graph.node:
        for reader in (node, *(deep for g in subgraphs(node) for deep in every_node(g))):
            for place, name in enumerate(reader.input):
                if name == old:
                    reader.input[place] = new
        for inner in subgraphs(node):
            for output in inner.output:
                if output.name == old:
                    output.name = new


def fresh(graph: onnx.GraphProto, wanted: str) -> str:
    """`wanted`, or with the first number that makes it a name nothing in the graph has."""
    taken = {tensor.name for tensor in graph.initializer}
    taken |= {value.name for value in (*graph.input, *graph.output)}
    taken |= {name for node in graph.node for name in (*node.input, *node.output)}
    name, number = wanted, 1
    while name in taken:
        name, number = f"{wanted}_{number}", number + 1
    return name
