"""Memory of a file that holds 8 MB of weights."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from worker.engine.measure import memory
from worker.engine.measure.memory import peak_memory

MIB = 1 << 20


@pytest.mark.parametrize("resettable", [True, False])
def test_the_weights_are_seen_also_where_the_peak_cannot_be_reset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, resettable: bool
) -> None:
    if not resettable:
        monkeypatch.setattr(memory, "_reset_peak", lambda: False)
    weight = np.random.default_rng(0).random((1024, 2048), np.float32)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 1024])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 2048])],
        [numpy_helper.from_array(weight, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    onnx.save(model, tmp_path / "m.onnx")
    found = peak_memory(tmp_path / "m.onnx", {"x": np.ones((1, 1024), np.float32)})
    assert (found.metric, found.unit) == ("peak_memory_bytes", "bytes")
    assert 7 * MIB < found.value < 80 * MIB
