"""One value takes another's place wherever it is read."""

from collections.abc import Mapping

import onnx

from worker.engine.graph.operators import subgraphs


def rename_reads(graph: onnx.GraphProto, names: Mapping[str, str]) -> None:
    """Every reader of a key reads its value instead, in sub-graphs too; outputs stay."""
    for node in graph.node:
        for place, name in enumerate(node.input):
            if name in names:
                node.input[place] = names[name]
        for inner in subgraphs(node):
            rename_reads(inner, names)
