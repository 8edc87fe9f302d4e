"""Leaving units in a graph but unheard: what a graph without them must compute.

A weight that hears a unit gets zeros for it. What adds up computed values, such as the mean of
a normalisation, would still count a zero, so there the positions that stay are chosen right
before the node, and the others filled up behind it, with anything, because nobody hears them.
"""

from collections.abc import Sequence

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from worker.engine.graph.initializers import initializers
from worker.engine.onnx_file.array import array
from worker.engine.onnx_file.spill import Spill
from worker.engine.optimize.names import fresh
from worker.engine.prune.along.counts import recount
from worker.engine.prune.along.coupled import Along, Coupled, Place, of_values
from worker.engine.prune.along.net import Net
from worker.engine.prune.along.walk import rule_of
from worker.engine.prune.coupling import Kept

NORMS = {"LayerNormalization", "RMSNormalization"}


def silence(
    model: onnx.ModelProto, groups: Sequence[Coupled], kept: Sequence[Kept], spill: Spill
) -> None:
    """Let nothing in `model` hear others than `kept`, in place: what `cut` must compute."""
    net, values = Net(model), of_values(groups, kept)
    recount(net, model, values)
    constants = initializers(model)
    for group, units in zip(groups, kept, strict=True):
        for along in group.readers:
            numbers = np.array(array(constants[along.value]))
            np.moveaxis(numbers, along.axis, 0)[~along.keeps(units)] = 0
            constants[along.value].CopyFrom(spill.tensor(along.value, numbers))
    heard = [along for group in groups for along in group.values if along.heard]
    for node in [n for n in model.graph.node if any(a.value in n.input for a in heard)]:
        for value, axis in _added_up(node, heard, net):
            back = axis - len(net.shape(value))
            _choose(node, value, back, values[value, axis], net, model.graph)
    del model.graph.value_info[:]


def _added_up(node: onnx.NodeProto, heard: Sequence[Along], net: Net) -> dict[Place, None]:
    """Axes of computed values that `node` adds up over."""
    return {
        implied.place: None
        for along in heard
        if along.value in node.input
        for implied in rule_of(node)(node, along, net)
        if implied.heard and implied.value not in net.constants
    }


def _choose(
    node: onnx.NodeProto, value: str, back: int, stays: Kept, net: Net, graph: onnx.GraphProto
) -> None:
    """Let `node` read the positions that stay along an axis of `value`, which is counted from
    the last as -1."""
    names = {value}
    if node.op_type in NORMS:  # its scale and bias lie along the same axis
        names |= {name for name in node.input[1:] if name and net.shape(name)[-1] != 1}
    number = next(k for k, other in enumerate(graph.node) if other.output == node.output)
    for place, name in enumerate(node.input):
        if name in names:
            node.input[place] = fresh(graph, f"{name}.heard")
            chosen = _gather(graph, name, np.flatnonzero(stays), back, node.input[place])
            graph.node.insert(number, chosen)
            number += 1
    if node.op_type in NORMS:
        out = node.output[0]
        node.output[0] = fresh(graph, f"{out}.heard")
        again = np.where(stays, np.cumsum(stays) - 1, 0)
        graph.node.insert(number + 1, _gather(graph, node.output[0], again, back, out))


def _gather(
    graph: onnx.GraphProto, data: str, chosen: NDArray[np.int64], axis: int, out: str
) -> onnx.NodeProto:
    index = numpy_helper.from_array(chosen.astype(np.int64), fresh(graph, f"{out}.places"))
    graph.initializer.append(index)
    return helper.make_node("Gather", [data, index.name], [out], axis=axis)
