"""From a changed view back to ONNX."""

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from lathe.errors import EffectLost
from worker.engine import hand_back as module
from worker.engine.hand_back import hand_back
from worker.engine.view import torch_view


@pytest.fixture
def model() -> onnx.ModelProto:
    graph = helper.make_graph(
        [helper.make_node("Gemm", ["x", "w"], ["y"], transB=1)],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 3])],
        [numpy_helper.from_array(np.float32([[1, 2], [3, 4], [5, 6]]), "w")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def test_changed_weights_arrive_under_their_names(model: onnx.ModelProto) -> None:
    view = torch_view(model)
    with torch.no_grad():
        view.module.get_parameter(f"{view.layers['w']}.weight")[1, 0] = 30
    written = hand_back(view, model, seed=0)
    (tensor,) = written.graph.initializer
    assert tensor.name == "w"
    assert numpy_helper.to_array(tensor).tolist() == [[1, 2], [30, 4], [5, 6]]
    assert numpy_helper.to_array(model.graph.initializer[0])[1, 0] == 3


def test_a_file_that_does_not_answer_as_the_view_does_is_refused(
    model: onnx.ModelProto, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = torch_view(model)
    other = onnx.ModelProto()
    other.CopyFrom(model)
    other.graph.initializer[0].CopyFrom(
        numpy_helper.from_array(np.float32([[1, 2], [3, 4.01], [5, 6]]), "w")
    )
    monkeypatch.setattr(module, "write_back", lambda *_: other)
    with pytest.raises(EffectLost, match="at batch 1"):
        hand_back(view, model, seed=0)


def test_a_file_with_other_doors_is_refused(
    model: onnx.ModelProto, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = onnx.ModelProto()
    other.CopyFrom(model)
    other.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    monkeypatch.setattr(module, "write_back", lambda *_: other)
    with pytest.raises(EffectLost, match="inputs or outputs"):
        hand_back(torch_view(model), model, seed=0)
