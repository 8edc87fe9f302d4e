"""Nodes that hand on what they get are taken out."""

import onnx

from worker.engine.graph.initializers import initializers
from worker.engine.graph.uses import consumers, producers
from worker.engine.intake.rename import rename_reads
from worker.engine.onnx_file.array import array

MATRIX_RANK = 2


def remove_identities(model: onnx.ModelProto) -> None:
    """Remove Identity, and Dropout as it is at inference, in place.

    Where the node makes a graph output its source takes the output's name; where that
    source is an input, a constant or itself an output, the node stays. It also stays on a
    constant vector: exporters let layers share equal biases that way, and folding gives
    each its own again. Tied matrices stay tied.
    """
    graph = model.graph
    vectors = {tensor.name for tensor in graph.initializer if len(tensor.dims) < MATRIX_RANK}
    outputs = {value.name for value in graph.output}
    made_by, gone = producers(graph), set[int]()
    aliases: dict[str, str] = {}
    for index, node in enumerate(graph.node):
        if not _hands_on(node, model) or node.input[0] in vectors:
            continue
        source, target = aliases.get(node.input[0], node.input[0]), node.output[0]
        if target not in outputs:
            aliases[target] = source
        elif source in made_by and source not in outputs and not _in_subgraph(graph, source):
            maker = made_by[source]
            maker.output[list(maker.output).index(source)] = target
            made_by[target] = maker
            aliases = {k: target if v == source else v for k, v in aliases.items()}
            aliases[source] = target
        else:
            continue
        gone.add(index)
    rename_reads(graph, aliases)
    kept = [node for index, node in enumerate(graph.node) if index not in gone]
    del graph.node[:]
    graph.node.extend(kept)


def _hands_on(node: onnx.NodeProto, model: onnx.ModelProto) -> bool:
    if node.domain not in {"", "ai.onnx"}:
        return False
    if node.op_type == "Identity":
        return True
    if node.op_type != "Dropout" or any(node.output[1:]):
        return False
    if len(node.input) <= 2 or not node.input[2]:  # noqa: PLR2004 - training_mode is input 2
        return True
    mode = initializers(model).get(node.input[2])
    return mode is not None and not array(mode).any()


def _in_subgraph(graph: onnx.GraphProto, name: str) -> bool:
    return any(name not in node.input for node in consumers(graph).get(name, ()))
