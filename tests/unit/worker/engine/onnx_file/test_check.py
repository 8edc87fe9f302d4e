from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from worker.engine.onnx_file.check import check_model
from worker.engine.onnx_file.spill import Spill


def _model(spill: Spill, reads: str) -> onnx.ModelProto:
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", reads], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 200])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 100])],
        [spill.tensor("w", np.zeros((200, 100), np.float32))],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def test_a_model_with_mapped_tensors_is_checked_as_any_other(tmp_path: Path) -> None:
    with Spill(tmp_path / "spill") as spill:
        good, bad = _model(spill, "w"), _model(spill, "nothing")
    with pytest.raises(onnx.checker.ValidationError, match="regular file"):
        onnx.checker.check_model(good)  # why there is a check of our own
    before = good.SerializeToString()
    check_model(good)
    assert good.SerializeToString() == before
    with pytest.raises(onnx.checker.ValidationError, match="nothing"):
        check_model(bad)
