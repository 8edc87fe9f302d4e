"""Cutting units out of an ONNX graph."""

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
from onnx import numpy_helper

from worker.engine.graph.initializers import initializers
from worker.engine.onnx_file.array import array
from worker.engine.onnx_file.spill import Spill
from worker.engine.optimize.names import fresh
from worker.engine.prune.along.attention import MERGED, K, Q
from worker.engine.prune.along.counts import recount
from worker.engine.prune.along.coupled import Coupled, Place, of_values, of_weights
from worker.engine.prune.along.net import Net, integer, set_integer
from worker.engine.prune.along.recurrent import GATES, R
from worker.engine.prune.coupling import Kept
from worker.engine.view.shape_vector import ShapeVectors

COPY, REST, BROADCAST = 0, -1, 1
SKIPPED = {"Reshape": {COPY, REST}, "Expand": {BROADCAST}}
HEADS = {  # operator -> where its numbers of heads are written, and the tensors they are of
    "Attention": (("q_num_heads", Q), ("kv_num_heads", K)),
    "RotaryEmbedding": (("num_heads", 0),),
}


def cut(
    model: onnx.ModelProto, groups: Sequence[Coupled], kept: Sequence[Kept], spill: Spill
) -> None:
    """Take what belongs to other units than `kept` out of `model`, in place.

    Constants lose positions; what repeats their sizes follows. Large tensors go to `spill`.
    """
    net = Net(model)
    values = of_values(groups, kept)
    _resize(net, model, values)
    recount(net, model, values)
    constants = initializers(model)
    for name, axes in _by_tensor(of_weights(groups, kept)).items():
        numbers = array(constants[name])
        for axis, stays in axes:
            numbers = np.compress(stays, numbers, axis=axis)
        constants[name].CopyFrom(spill.tensor(name, np.ascontiguousarray(numbers)))
    for node in model.graph.node:
        if node.op_type in GATES and node.input[R] in constants:
            set_integer(node, "hidden_size", constants[node.input[R]].dims[-1])
    del model.graph.value_info[:]


def _by_tensor(masks: Mapping[Place, Kept]) -> dict[str, list[tuple[int, Kept]]]:
    """Axes and what stays of them, by tensor."""
    axes: dict[str, list[tuple[int, Kept]]] = {}
    for (name, axis), stays in masks.items():
        if not stays.all():
            axes.setdefault(name, []).append((axis, stays))
    return axes


def _resize(net: Net, model: onnx.ModelProto, values: Mapping[Place, Kept]) -> None:
    """Sizes that are written into the graph beside its weights."""
    vectors = ShapeVectors(model, net.shapes)
    for node in list(model.graph.node):
        match node.op_type:
            case "Reshape" | "Expand":
                _resize_shape(node, net, values, vectors)
            case "Split":
                _resize_split(node, net, values, vectors)
            case "Attention" | "RotaryEmbedding":
                _resize_heads(node, net, values)
            case _:
                pass


def _resize_shape(
    node: onnx.NodeProto, net: Net, values: Mapping[Place, Kept], vectors: ShapeVectors
) -> None:
    """Of a Reshape or Expand, whose vector may name the last axes only."""
    rank = len(net.shapes.get(node.output[0], ()))
    masks = [values.get((node.output[0], axis)) for axis in range(rank)]
    if all(mask is None for mask in masks):
        return
    sizes = [n or 0 for n in vectors.entries(node.input[1])]
    wanted = [
        size if mask is None else int(mask.sum())
        for mask, size in zip(masks[rank - len(sizes) :], sizes, strict=True)
    ]
    node.input[1] = vectors.fitted(node.input[1], wanted, SKIPPED[node.op_type])


def _resize_split(
    node: onnx.NodeProto, net: Net, values: Mapping[Place, Kept], vectors: ShapeVectors
) -> None:
    axis = integer(node, "axis") % len(net.shape(node.input[0]))
    if values.get((node.input[0], axis)) is None:
        return
    masks = [values.get((name, axis)) for name in node.output]
    sizes = [
        net.shape(name)[axis] if mask is None else int(mask.sum())
        for name, mask in zip(node.output, masks, strict=True)
    ]
    known = [size for size in sizes if isinstance(size, int)]
    if len(node.input) > 1 and node.input[1]:
        node.input[1] = vectors.fitted(node.input[1], known, set())
        return
    name = fresh(vectors.graph, f"{node.output[0]}.sizes")  # they need no longer be equal
    vectors.graph.initializer.append(numpy_helper.from_array(np.array(known), name))
    attributes = [a for a in node.attribute if a.name != "num_outputs"]
    del node.input[1:], node.attribute[:]
    node.input.append(name)
    node.attribute.extend(attributes)


def _resize_heads(node: onnx.NodeProto, net: Net, values: Mapping[Place, Kept]) -> None:
    for name, place in HEADS[node.op_type]:
        rank = len(net.shape(node.input[place]))
        stays = values.get((node.input[place], rank - 1))
        if rank == MERGED and stays is not None:
            set_integer(node, name, integer(node, name) * int(stays.sum()) // len(stays))
