"""A running service with a small image classifier and data that it labelled itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from examples.service import embedded
from lathe.client import Client
from lathe.states import JobState

SHAPE = (1, 4, 6)
INPUTS, HIDDEN, CLASSES = 24, 48, 3
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Stand:
    """A service with a model and labelled data."""

    lathe: Client
    model: str
    data: str

    def spec(self, pipeline: object, *purposes: str, **more: Any) -> dict[str, Any]:
        data = {purpose: {"dataset": self.data, "split": "train"} for purpose in purposes}
        data["evaluation"] = {"dataset": self.data, "split": "test"}
        return {
            "model": self.model,
            "data": data,
            "task": {"kind": "classification"},
            "pipeline": pipeline,
            "benchmark": {"runs": 10},
            **more,
        }

    def in_blocks(self, upload: Path, kind: str, folder: Path) -> ort.InferenceSession:
        """The model in the file `upload`, of the format `kind`, with 8-bit weights in blocks
        and nothing judged; downloaded to `folder`."""
        model = self.lathe.upload_model(upload)
        assert model.format == kind
        steps = [{"technique": "quantize.weights", "granularity": {"per": "block", "size": 16}}]
        job = self.lathe.wait(self.lathe.submit({"model": model.id, "pipeline": steps}).id)
        assert job.state is JobState.SUCCEEDED, job.failure
        file = next(f for f in self.lathe.artifacts(job.id) if f.kind == "onnx")
        return ort.InferenceSession(self.lathe.download(file, folder))


def net(rng: np.random.Generator) -> onnx.ModelProto:
    shapes = {
        "w1": (INPUTS, HIDDEN),
        "b1": (HIDDEN,),
        "w2": (HIDDEN, CLASSES),
        "b2": (CLASSES,),
    }
    weights = {
        name: (rng.standard_normal(shape) * shape[0] ** -0.5).astype(np.float32)
        for name, shape in shapes.items()
    }
    graph = helper.make_graph(
        [
            helper.make_node("Flatten", ["x"], ["f"]),
            helper.make_node("Gemm", ["f", "w1", "b1"], ["h"]),
            helper.make_node("Relu", ["h"], ["r"]),
            helper.make_node("Gemm", ["r", "w2", "b2"], ["y"]),
        ],
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", *SHAPE])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", CLASSES])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def answers(model: onnx.ModelProto, x: Floats) -> NDArray[np.int64]:
    w1, b1, w2, b2 = (numpy_helper.to_array(each) for each in model.graph.initializer)
    x = x.reshape(len(x), INPUTS)
    return (np.maximum(x @ w1 + b1, 0) @ w2 + b2).argmax(axis=1).astype(np.int64)


@contextmanager
def stand_in(folder: Path) -> Iterator[Stand]:
    """The service, with everything below `folder`."""
    rng = np.random.default_rng(2)
    model = net(rng)
    onnx.save(model, folder / "net.onnx")
    arrays: dict[str, Any] = {}
    for split, count in (("train", 600), ("test", 200)):
        x = rng.standard_normal((count, *SHAPE)).astype(np.float32)
        arrays |= {f"{split}/x": x, f"{split}/label": answers(model, x)}
    np.savez(folder / "data.npz", **arrays)
    with (
        embedded(folder / "data") as service,
        Client(service.url, service.key) as lathe,
    ):
        yield Stand(
            lathe,
            lathe.upload_model(folder / "net.onnx").id,
            lathe.upload_dataset(folder / "data.npz").id,
        )
