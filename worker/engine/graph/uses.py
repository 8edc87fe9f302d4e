"""Who makes and who reads each value of a graph, and what is alive."""

from collections.abc import Iterator

import onnx

from worker.engine.graph.operators import every_node, subgraphs


def producers(graph: onnx.GraphProto) -> dict[str, onnx.NodeProto]:
    """The node that makes each value; inputs and initializers have none."""
    return {name: node for node in graph.node for name in node.output if name}


def consumers(graph: onnx.GraphProto) -> dict[str, list[onnx.NodeProto]]:
    """The nodes that read each value, in graph order; a node that reads it twice is there once.

    A node whose sub-graph reads a value of this graph counts as a reader of it.
    """
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in graph.node:
        for name in dict.fromkeys(reads(node)):
            readers.setdefault(name, []).append(node)
    return readers


def reads(node: onnx.NodeProto) -> Iterator[str]:
    """Names that a node reads from its own graph or, through its sub-graphs, from outside.

    Names made inside a sub-graph may be among them; they are unique in a checked model.
    """
    yield from (name for name in node.input if name)
    for inner in subgraphs(node):
        yield from (name for deep in every_node(inner) for name in deep.input if name)
        yield from (output.name for output in inner.output)


def live(graph: onnx.GraphProto) -> frozenset[str]:
    """Names of all values that some graph output depends on, the outputs included."""
    made_by = producers(graph)
    names: set[str] = set()
    waiting = [output.name for output in graph.output]
    while waiting:
        name = waiting.pop()
        if name in names:
            continue
        names.add(name)
        if name in made_by:
            waiting.extend(reads(made_by[name]))
    return frozenset(names)
