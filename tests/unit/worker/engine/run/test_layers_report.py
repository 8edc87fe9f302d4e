import math

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from worker.engine.context import Arrays
from worker.engine.run.layers_report import layer_reports

WEIGHT = np.array([[1.0, -1.0, 0.0], [1.4, -1.0, 0.0]], dtype=np.float32)


class OneExample:
    """x = (1, 2), so x W = (3.8, -3, 0)."""

    count = 1
    has_labels = False

    def inputs(self, rows: NDArray[np.int64]) -> Arrays:
        return {"x": np.array([[1.0, 2.0]], dtype=np.float32)[rows]}

    def labels(self, rows: NDArray[np.int64]) -> NDArray[np.generic]:
        raise AssertionError


def model(nodes: list[onnx.NodeProto], **tensors: NDArray[np.generic]) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", None])],
        [numpy_helper.from_array(a, name.replace("__", ".")) for name, a in tensors.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def original() -> onnx.ModelProto:
    nodes = [
        helper.make_node("MatMul", ["x", "fc.weight"], ["c"]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("Identity", ["r"], ["y"]),
    ]
    return model(nodes, fc__weight=WEIGHT)


def lowered() -> onnx.ModelProto:
    """The Relu is gone: uint8 around zero point 0 clips what is negative."""
    one, zero = np.float32(1), np.uint8(0)
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["x_quantized"]),
        helper.make_node(
            "QLinearMatMul",
            ["x_quantized", "s", "z", "fc.weight_quantized", "ws", "wz", "s", "z"],
            ["c_quantized"],
        ),
        helper.make_node("DequantizeLinear", ["c_quantized", "s", "z"], ["c"]),
        helper.make_node("Identity", ["c"], ["y"]),
    ]
    return model(
        nodes,
        fc__weight_quantized=np.array([[1, -1, 0], [1, -1, 0]], dtype=np.int8),
        s=np.array(one),
        z=np.array(zero),
        ws=np.array(one),
        wz=np.array(np.int8(0)),
    )


def test_an_integer_layer_is_compared_behind_the_activation_that_its_range_replaced() -> None:
    (layer,) = layer_reports(
        original(), lowered(), OneExample(), {"fc.weight": "QLinearMatMul"}
    )
    assert (layer.bytes_before, layer.bytes_after) == (24, 6)
    assert (layer.dtype, layer.operator) == ("int8", "MatMul")
    assert layer.nonzero == pytest.approx(4 / 6)
    assert layer.executed_as == "QLinearMatMul"
    # behind the Relu: (3.8, 0, 0) became (3, 0, 0); before it, (3.8, -3, 0) would be the signal
    assert layer.sqnr_db == pytest.approx(10 * math.log10(3.8**2 / 0.8**2))


def test_an_untouched_model_is_exact_in_every_layer() -> None:
    (layer,) = layer_reports(original(), original(), OneExample(), {})
    assert layer.sqnr_db == 200
    assert layer.shape_before == layer.shape_after == (2, 3)
    assert layer.executed_as is None


def test_a_renamed_value_is_found_by_the_weight_that_makes_it() -> None:
    nodes = [
        helper.make_node("MatMul", ["x", "fc.weight"], ["another_name"]),
        helper.make_node("Relu", ["another_name"], ["y"]),
    ]
    again = model(nodes, fc__weight=WEIGHT * np.float32(0.5))
    (layer,) = layer_reports(original(), again, OneExample(), {})
    assert layer.sqnr_db == pytest.approx(10 * math.log10(4))


def test_a_narrowed_layer_has_another_shape_and_no_sqnr() -> None:
    narrow = model(
        [helper.make_node("MatMul", ["x", "fc.weight"], ["y"])], fc__weight=WEIGHT[:, :2].copy()
    )
    (layer,) = layer_reports(original(), narrow, OneExample(), {})
    assert (layer.shape_before, layer.shape_after) == ((2, 3), (2, 2))
    assert (layer.bytes_before, layer.bytes_after, layer.nonzero) == (24, 16, 1.0)
    assert layer.sqnr_db is None


def test_a_layer_that_is_no_longer_there_is_gone() -> None:
    without = model([helper.make_node("Relu", ["x"], ["y"])])
    (layer,) = layer_reports(original(), without, None, {})
    assert (layer.dtype, layer.bytes_after, layer.shape_after) == ("gone", 0, ())


def test_weights_behind_dequantisation_count_integers_scales_and_zeros() -> None:
    nodes = [
        helper.make_node(
            "DequantizeLinear",
            ["fc.weight_quantized", "fc.weight_scale", "fc.weight_zero_point"],
            ["w"],
            axis=1,
        ),
        helper.make_node("MatMul", ["x", "w"], ["c"]),
        helper.make_node("Relu", ["c"], ["y"]),
    ]
    wrapped = model(
        nodes,
        fc__weight_quantized=np.array([[9, 1, 5], [9, 2, 3]], dtype=np.uint8),
        fc__weight_scale=np.array([1, 1, 1], dtype=np.float32),
        fc__weight_zero_point=np.array([9, 1, 5], dtype=np.uint8),
    )
    (layer,) = layer_reports(original(), wrapped, None, {})
    assert layer.bytes_after == 6 + 12 + 3
    assert layer.nonzero == pytest.approx(2 / 6)


def test_a_decomposed_layer_counts_all_its_factors_and_is_compared_at_its_end() -> None:
    nodes = [
        helper.make_node("MatMul", ["x", "fc.weight.factor1"], ["c.factor1"]),
        helper.make_node("MatMul", ["c.factor1", "fc.weight"], ["c"]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("Identity", ["r"], ["y"]),
    ]
    # x = (1, 2) times (2, 0.5)^T is 3, times (1, -1, 0) is (3, -3, 0), and (3, 0, 0) at r
    row = model(
        nodes,
        fc__weight__factor1=np.float32([[2], [0.5]]),
        fc__weight=np.float32([[1, -1, 0]]),
    )
    executed = {"fc.weight": "FusedMatMul float32", "fc.weight.factor1": "MatMul float32"}
    (layer,) = layer_reports(original(), row, OneExample(), executed)
    assert (layer.shape_before, layer.factors_after) == ((2, 3), ((2, 1),))
    assert layer.shape_after == (1, 3)
    assert (layer.bytes_before, layer.bytes_after) == (24, 8 + 12)
    assert layer.nonzero == pytest.approx(4 / 5)
    assert layer.executed_as == "MatMul float32, FusedMatMul float32"
    assert layer.sqnr_db == pytest.approx(10 * math.log10(3.8**2 / 0.8**2))


def test_factors_are_found_as_integers_and_other_names_are_no_factors() -> None:
    scale = np.float32([0.5])
    nodes = [
        helper.make_node("MatMul", ["x", "a"], ["c"]),
        helper.make_node("MatMul", ["c", "fc.weight"], ["y"]),
    ]
    for place, name in enumerate(("fc.weight.factor1", "fc.weight.factor1_1")):
        nodes.insert(
            place,
            helper.make_node(
                "DequantizeLinear", [f"{name}_quantized", "s", "z"], [f"d{place}"]
            ),
        )
        nodes.append(helper.make_node("MatMul", ["x", f"d{place}"], [f"y{place}"]))
    row = model(
        nodes,
        a=np.float32([[1]]),
        fc__weight=np.float32([[1, -1, 0]]),
        fc__weight__factor1_quantized=np.int8([[1], [0]]),
        fc__weight__factor1_1_quantized=np.int8([[1, 1], [1, 1]]),
        fc__weight__factory=np.float32([[1]]),
        s=scale,
        z=np.int8([0]),
    )
    (layer,) = layer_reports(original(), row, None, {})
    assert layer.factors_after == ((2, 1), (2, 2))
    assert layer.nonzero == pytest.approx((1 + 4 + 2) / 9)
