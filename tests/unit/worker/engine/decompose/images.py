"""A net with convolutions and matrices, and images that it can learn to tell apart."""

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from lathe.techniques.decompose import (
    DecomposeSvd,
)
from tests.unit.worker.engine.decompose.lone import Floats, some
from tests.unit.worker.engine.layerwise.graphs import made
from worker.engine.context import Arrays
from worker.engine.session import open_session, run


class Images:
    """40 images (2, 8, 6), the labels whether their first channel is the brighter one."""

    count = 40
    has_labels = True

    def __init__(self) -> None:
        self.images = some(40, 2, 8, 6, seed=11)

    def inputs(self, rows: np.ndarray[Any, np.dtype[np.int64]]) -> Arrays:
        return {"x": self.images[rows]}

    def labels(
        self, rows: np.ndarray[Any, np.dtype[np.int64]]
    ) -> np.ndarray[Any, np.dtype[np.generic]]:
        bright = self.images[rows].mean(axis=(2, 3))
        return np.asarray(bright[:, 0] > bright[:, 1], np.int64)


def net() -> onnx.ModelProto:
    """Conv (6, 2, 3, 3), Relu, Conv (8, 6, 3, 3), Relu, mean, Gemm (10, 8), Relu, MatMul."""
    nodes = [
        helper.make_node("Conv", ["x", "c1", "b1"], ["a"], "conv1", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["ar"]),
        helper.make_node("Conv", ["ar", "c2", "b2"], ["b"], "conv2", strides=[2, 1]),
        helper.make_node("Relu", ["b"], ["br"]),
        helper.make_node("GlobalAveragePool", ["br"], ["p"]),
        helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("Gemm", ["f", "g", "gb"], ["d"], "fc", transB=1),
        helper.make_node("Relu", ["d"], ["dr"]),
        helper.make_node("MatMul", ["dr", "m"], ["e"], "out"),
        helper.make_node("Add", ["e", "mb"], ["y"], "add"),
    ]
    tensors = {
        "c1": some(6, 2, 3, 3), "b1": some(6), "c2": some(8, 6, 3, 3, seed=2) / 5,
        "b2": some(8), "g": some(10, 8, seed=3) / 3, "gb": some(10), "m": some(10, 2, seed=4),
        "mb": some(2),
    }  # fmt: skip
    return made(
        nodes, tensors, {"x": (TensorProto.FLOAT, ["n", 2, 8, 6])},
        {"y": (TensorProto.FLOAT, ["n", 2])},
    )  # fmt: skip


def given(rank: Any, technique: type = DecomposeSvd, **more: Any) -> Any:
    return technique.model_validate({"rank": {"by": "given", "rank": rank}, **more})


def put(model: onnx.ModelProto, name: str, values: Floats) -> None:
    tensor = next(t for t in model.graph.initializer if t.name == name)
    tensor.raw_data = values.astype(np.float32).tobytes()


def close(one: onnx.ModelProto, other: onnx.ModelProto, inputs: Arrays) -> bool:
    a, b = (run(open_session(model), inputs) for model in (one, other))
    return all(np.allclose(a[name], b[name], atol=1e-4) for name in a)
