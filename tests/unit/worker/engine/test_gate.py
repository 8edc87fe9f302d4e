import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from lathe.errors import EffectLost, StepImpossible
from worker.engine import gate
from worker.engine.context import Arrays
from worker.engine.view import torch_view


def scaled(factor: float) -> onnx.ModelProto:
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 2])],
        [numpy_helper.from_array(np.eye(2, dtype=np.float32) * np.float32(factor), "w")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def test_the_distance_counts_in_what_the_gate_allows() -> None:
    y = {"a": np.array([3.0, -40.0]), "b": np.array([0.0, 0.0])}
    near = {"a": np.array([3.002005, -40.0]), "b": np.array([0.0, 5e-6])}
    # a: 0.002005 of 1e-4 * 40 + 1e-5 = 0.00401, b: 5e-6 of 1e-5: each half of what is allowed
    assert gate.distance(y, near) == pytest.approx(0.5)
    far = {**near, "b": np.array([3e-5, 0.0])}
    assert gate.distance(y, far) == pytest.approx(3.0)
    assert gate.distance({"a": y["a"]}, {"a": near["a"]}) == pytest.approx(0.5)


def test_what_says_nothing_is_at_no_distance() -> None:
    assert gate.distance({}, {}) == 0
    assert gate.distance({"a": np.array([np.nan])}, {"a": np.array([np.nan])}) == 0


def test_answers_in_float16_may_differ_by_what_they_round() -> None:
    y = {"a": np.array([2.0, -40.0], np.float16)}  # 1e-3 * 40 + 1e-5 = 0.04001 is allowed
    assert gate.distance(y, {"a": np.array([2.080020, -40.0])}) == pytest.approx(2.0)


def test_what_cannot_be_compared_is_infinitely_far() -> None:
    y = {"a": np.array([1.0, np.nan, np.inf])}
    assert gate.distance(y, {"a": np.array([1.0, np.nan, np.inf])}) == 0.0
    for other in (
        [1.0, np.nan, 2.0],
        [np.nan, np.nan, np.inf],
        [1.0, np.nan],
        [1.0, 0.0, np.inf],
    ):
        assert gate.distance(y, {"a": np.array(other)}) == float("inf")
    assert gate.distance(y, {"b": y["a"]}) == float("inf")


def test_models_within_rounding_pass_and_others_are_refused() -> None:
    x: Arrays = {"x": np.array([[1.0, -2.0]], np.float32)}
    gate.same_function(scaled(1.0), scaled(1.00005), [x])
    with pytest.raises(EffectLost, match="another function"):
        # -2 moved by 3e-4, of 1e-4 * 2 + 1e-5
        gate.same_function(scaled(1.0), scaled(1.00015), [x])


def test_a_view_of_another_model_is_refused() -> None:
    x: Arrays = {"x": np.array([[1.0, -2.0]], np.float32)}
    gate.view_matches(torch_view(scaled(2.0)), scaled(2.0), x)
    with pytest.raises(StepImpossible, match="in torch its outputs"):
        gate.view_matches(torch_view(scaled(2.0)), scaled(2.0003), x)
