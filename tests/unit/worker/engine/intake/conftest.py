"""One small network: fixed batch 2, BatchNormalization, literal Reshapes; and the upload."""

from pathlib import Path
from typing import Protocol

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from lathe.errors import Refused
from lathe.facts import ModelFacts
from worker.engine.intake.model import inspect_model
from worker.wire import Limits

BATCH = 2
LIMITS = Limits(max_bytes=1 << 22, max_members=8)


class Planted:
    """A pickle that leaves a file when it is opened."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


class Inspect(Protocol):
    def __call__(self, data: bytes, limits: Limits = LIMITS) -> ModelFacts: ...


@pytest.fixture
def inspect(tmp_path: Path) -> Inspect:
    """Inspect bytes as an uploaded model into `out/`; a refusal must leave nothing there."""
    upload, out = tmp_path / "upload", tmp_path / "out" / "canonical.onnx"
    out.parent.mkdir()

    def inspected(data: bytes, limits: Limits = LIMITS) -> ModelFacts:
        upload.write_bytes(data)
        try:
            return inspect_model(upload, out, limits)
        except Refused:
            assert list(out.parent.iterdir()) == []
            raise

    return inspected


@pytest.fixture
def conv_net() -> onnx.ModelProto:
    """Conv 3->4 (3x3, no bias), BN, Relu, Identity, Reshape to (2, 4, 4), Reshape to (2, 16),
    Gemm 16->5; float input "image" (2, 3, 4, 4), output "scores" (2, 5); opset 17."""
    rng = np.random.default_rng(3)

    def tensor(name: str, *shape: int) -> onnx.TensorProto:
        return numpy_helper.from_array(rng.standard_normal(shape).astype(np.float32), name)

    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["image", "conv.weight"], ["c"], name="conv"),
            helper.make_node("BatchNormalization", ["c", "g", "b", "m", "v"], ["n"]),
            helper.make_node("Relu", ["n"], ["r"], name="conv"),
            helper.make_node("Identity", ["r"], ["i"]),
            helper.make_node(
                "Constant", [], ["tokens"], value_ints=[BATCH, 4, 4], doc_string="note"
            ),
            helper.make_node("Reshape", ["i", "tokens"], ["t"]),
            helper.make_node("Reshape", ["t", "flat"], ["f"]),
            helper.make_node("Gemm", ["f", "fc.weight", "fc.bias"], ["scores"], transB=1),
        ],
        "net",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [BATCH, 3, 4, 4])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [BATCH, 5])],
        [
            tensor("conv.weight", 4, 3, 3, 3),
            *(tensor(name, 4) for name in "gbm"),
            numpy_helper.from_array(np.array([0.5, 1, 2, 3], np.float32), "v"),
            tensor("fc.weight", 5, 16),
            tensor("fc.bias", 5),
            numpy_helper.from_array(np.array([BATCH, 16], np.int64), "flat"),
            tensor("unused", 7),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
