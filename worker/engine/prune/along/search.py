"""Which units a graph has, wherever nodes of some operators stand."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import onnx

from worker.engine.graph.weight_tensors import weight_tensors
from worker.engine.prune.along.coupled import Coupled, NotCuttable
from worker.engine.prune.along.net import Net
from worker.engine.prune.coupling import LeftAlone

Follow = Callable[[onnx.NodeProto, Net], Coupled | None]


@dataclass(frozen=True, slots=True)
class Found:
    """The groups that may lose units, and the places that stay whole."""

    groups: Sequence[Coupled]
    alone: Sequence[LeftAlone]


def search(
    model: onnx.ModelProto, operators: Collection[str], follow: Follow, protect: Collection[str]
) -> Found:
    """What `follow` finds from each node of `operators`, which may be nothing; a group that
    leads to several of them is there once. Groups with a layer of `protect` stay whole.

    Raises UnknownLayer for a protected layer that the model does not have.
    """
    weight_tensors(model, protect, embeddings=True)  # raises
    net = Net(model)
    groups: list[Coupled] = []
    alone: list[LeftAlone] = []
    for node in net.nodes:
        value = next(filter(None, node.output))
        known = {along.value for group in groups for along in group.values}
        if node.op_type not in operators or value in known:
            continue
        try:
            found = follow(node, net)
        except NotCuttable as reason:
            alone.append(LeftAlone(_called(node, net), str(reason)))
        else:
            groups += [found] if found else []
    whole = [g for g in groups if {along.value for along in g.weights} & set(protect)]
    alone += [LeftAlone(group.name, "it is protected") for group in whole]
    return Found([group for group in groups if group not in whole], alone)


def _called(node: onnx.NodeProto, net: Net) -> str:
    """The id of the node's layer, or what it is."""
    weight = next((name for name in node.input[:2] if name in net.constants), None)
    return weight or f"the {node.op_type} at {node.output[0]}"
