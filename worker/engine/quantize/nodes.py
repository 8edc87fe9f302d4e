"""Layers as the runtime's quantizer knows them: by the names of nodes."""

from collections.abc import Iterable

import onnx

from lathe.errors import UnknownLayer
from lathe.techniques.quantize.excluded import matching
from worker.engine.graph.layers import SEEN_THROUGH, layers
from worker.engine.graph.uses import consumers


def named(model: onnx.ModelProto) -> None:
    """Give every node of the main graph a name of its own, in place.

    A name that a node already has alone is kept: the quantizer addresses nodes by name.
    """
    taken: set[str] = set()
    for place, node in enumerate(model.graph.node):
        if not node.name or node.name in taken:
            node.name = f"{node.op_type}_{place}"
            while node.name in taken:
                node.name += "_"
        taken.add(node.name)


def excluded_layers(model: onnx.ModelProto, exclude: Iterable[str]) -> tuple[str, ...]:
    """Ids of the layers that `exclude` names or matches, each once. Raises UnknownLayer for
    an entry that means no layer of the model."""
    known = [layer.id for layer in layers(model)]
    found: dict[str, None] = {}
    for wanted in exclude:
        meant = matching(wanted, known)
        if not meant:
            raise UnknownLayer(
                f"there is no layer {wanted!r}; the model's layers are listed in its facts",
                param="exclude",
            )
        found.update(dict.fromkeys(meant))
    return tuple(found)


def nodes_of(model: onnx.ModelProto, exclude: Iterable[str]) -> list[str]:
    """Names of all nodes that compute with the weights of these layers, directly or through a
    cast or transpose. Raises UnknownLayer as `excluded_layers` does."""
    readers = consumers(model.graph)
    found: dict[str, None] = {}
    for layer in excluded_layers(model, exclude):
        waiting = [layer]
        while waiting:
            for node in readers.get(waiting.pop(), []):
                if node.op_type in SEEN_THROUGH:
                    waiting.extend(node.output)
                else:
                    found[node.name] = None
    return list(found)
