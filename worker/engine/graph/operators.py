"""Which operators a model uses."""

from collections import Counter
from collections.abc import Iterator

import onnx


def operators(model: onnx.ModelProto) -> dict[str, int]:
    """How often each operator occurs, sub-graphs included, by name in alphabetical order.

    An operator outside the standard set is written `domain:Operator`.
    """
    counts = Counter(qualified(node) for node in every_node(model.graph))
    return dict(sorted(counts.items()))


def qualified(node: onnx.NodeProto) -> str:
    """`Conv`, or `com.microsoft:FusedConv` outside the standard domain."""
    return node.op_type if node.domain in {"", "ai.onnx"} else f"{node.domain}:{node.op_type}"


def every_node(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """The nodes of a graph and of the graphs inside its attributes, outer before inner."""
    for node in graph.node:
        yield node
        for inner in subgraphs(node):
            yield from every_node(inner)


def subgraphs(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    """The graphs in the attributes of one node (If, Loop, Scan)."""
    for attribute in node.attribute:
        if attribute.type == onnx.AttributeProto.GRAPH:
            yield attribute.g
        elif attribute.type == onnx.AttributeProto.GRAPHS:
            yield from attribute.graphs
