"""A network with two answers, and points labelled for both."""

from dataclasses import dataclass, replace

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from tests.unit.worker.engine.points import Points
from worker.engine.context import Arrays, Context
from worker.engine.graph.io_spec import io_spec


@dataclass(frozen=True, kw_only=True)
class Shifted(Points):
    """Points with a second input, (count, 1)."""

    shift: NDArray[np.float32]

    def inputs(self, rows: NDArray[np.int64]) -> Arrays:
        return super().inputs(rows) | {"shift": self.shift[rows]}


def two_heads(hidden: int, seed: int, *, turned: bool = False) -> onnx.ModelProto:
    """x (n, 2), shift (n, 1) -> y (n, 3), z (n, 1); `turned` lists the doors the other way."""
    draw = np.random.default_rng(seed)
    sizes = {"a": (2, hidden), "b": (hidden, 3), "c": (hidden, 1)}
    nodes = [
        helper.make_node("MatMul", ["x", "a"], ["h"]),
        helper.make_node("Add", ["h", "shift"], ["s"]),
        helper.make_node("Tanh", ["s"], ["t"]),
        helper.make_node("MatMul", ["t", "b"], ["y"]),
        helper.make_node("MatMul", ["t", "c"], ["z"]),
    ]
    x, shift, y, z = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", width])
        for name, width in (("x", 2), ("shift", 1), ("y", 3), ("z", 1))
    )
    step = -1 if turned else 1
    weights = [
        numpy_helper.from_array(draw.normal(size=size).astype(np.float32), name)
        for name, size in sizes.items()
    ]
    graph = helper.make_graph(nodes, "two", [x, shift][::step], [y, z][::step], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def two_labels(context: Context) -> Context:
    """`context` for such a network: classes of three on y, a sum of the inputs on z."""
    draw = np.random.default_rng(5)
    x = draw.normal(size=(200, 2)).astype(np.float32)
    shift = draw.normal(size=(200, 1)).astype(np.float32)
    classes = np.digitize(x[:, 0], [-0.5, 0.5]).astype(np.int64)
    return replace(
        context,
        io=io_spec(two_heads(4, 0)),
        train=Shifted(x, classes, shift=shift),
        train_of={"tilt": Shifted(x, x[:, 1:] + 0.5 * shift, shift=shift)},
    )
