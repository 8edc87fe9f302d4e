"""Nodes that compute again what another already computed."""

import onnx

from worker.engine.graph.operators import subgraphs
from worker.engine.optimize.names import read_instead

NEVER_THE_SAME = {
    "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike",
    "Multinomial", "Bernoulli", "Dropout",
}  # fmt: skip


def drop_duplicates(model: onnx.ModelProto) -> int:
    """Let readers of a repeated node read the first one, in place; how many nodes went.

    A node whose output the graph hands out keeps its name and so stays.
    """
    graph = model.graph
    handed_out = {output.name for output in graph.output}
    first: dict[bytes, onnx.NodeProto] = {}
    dropped = 0
    for node in list(graph.node):
        if node.op_type in NEVER_THE_SAME or any(True for _ in subgraphs(node)):
            continue
        twin = first.setdefault(_meaning(node), node)
        if twin is node or handed_out & set(node.output) or not _same_outputs(twin, node):
            continue
        graph.node.remove(node)
        for old, new in zip(node.output, twin.output, strict=True):
            if old:
                read_instead(graph, old, new)
        dropped += 1
    return dropped


def _same_outputs(twin: onnx.NodeProto, node: onnx.NodeProto) -> bool:
    """Whether every output that `node` gives, `twin` gives too."""
    return len(twin.output) == len(node.output) and all(
        bool(a) or not b for a, b in zip(twin.output, node.output, strict=True)
    )


def _meaning(node: onnx.NodeProto) -> bytes:
    """Operator, inputs and attributes; not its name, outputs or notes."""
    bare = onnx.NodeProto(op_type=node.op_type, domain=node.domain, input=node.input)
    bare.attribute.extend(sorted(node.attribute, key=lambda attribute: attribute.name))
    meaning: bytes = bare.SerializeToString(deterministic=True)
    return meaning
