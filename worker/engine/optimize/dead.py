"""What no output depends on."""

import onnx

from worker.engine.graph.uses import live, reads


def drop_dead(model: onnx.ModelProto) -> int:
    """Remove unread nodes, constants and recorded shapes in place; how many nodes went."""
    graph = model.graph
    needed = live(graph)
    dead = [node for node in graph.node if not needed & {name for name in node.output if name}]
    for node in dead:
        graph.node.remove(node)
    read = {name for node in graph.node for name in reads(node)}
    read |= {output.name for output in graph.output}
    _keep(graph.initializer, read)
    _keep(graph.value_info, read)
    return len(dead)


def _keep(
    named: "onnx.GraphProto.initializer | onnx.GraphProto.value_info", names: set[str]
) -> None:
    kept = [entry for entry in named if entry.name in names]
    del named[:]
    named.extend(kept)
