from typing import Any

import numpy as np
import pytest
from onnx.helper import make_node

from worker.engine.view import torch_view

OF_3_AND_MINUS_4 = {
    "Mean": -0.5, "Sum": -1, "Max": 3, "Min": -4, "Prod": -12,
    "L1": 7, "L2": 5, "SumSquare": 25, "LogSumExp": 3.000911466,
}  # fmt: skip


@pytest.mark.parametrize("kind", OF_3_AND_MINUS_4)
def test_a_reduction_agrees_over_some_and_over_all_axes(
    build: Any, agree: Any, kind: str
) -> None:
    axes = {"axes": np.array([1, -1])}
    node = make_node(f"Reduce{kind}", ["x", "axes"], ["y"], keepdims=0)
    agree(build([node], axes, ("batch", 3, 4, 2)))
    everything = make_node(f"Reduce{kind}", ["x"], ["y"])
    agree(build([everything], {}, ("batch", 3, 2)))
    small = agree(build([everything], {}, ("batch", 2)))
    told = small.outputs({"x": np.float32([[3, -4]])})["y"]
    np.testing.assert_allclose(told, [[OF_3_AND_MINUS_4[kind]]], rtol=1e-6)


def test_no_axes_can_mean_no_reduction(build: Any, agree: Any) -> None:
    nothing = agree(build([make_node("ReduceSum", ["x"], ["y"], noop_with_empty_axes=1)]))
    x = np.arange(384, dtype=np.float32).reshape(2, 3, 8, 8)
    np.testing.assert_array_equal(nothing.outputs({"x": x})["y"], x)


def test_positions_and_running_sums_agree(build: Any, agree: Any) -> None:
    nodes = [
        make_node("ArgMax", ["x"], ["a"], axis=1),
        make_node("ArgMin", ["x"], ["b"], axis=1),
        make_node("Sub", ["a", "b"], ["d"]),
        make_node("Cast", ["d"], ["f"], to=1),
        make_node("CumSum", ["x", "two"], ["s"]),
        make_node("Add", ["f", "s"], ["y"]),
    ]
    agree(build(nodes, {"two": np.array(2)}))
    view = agree(build(nodes, {"two": np.array(2)}, ("batch", 2, 2, 1)))
    x = np.float32([[[[1], [5]], [[3], [2]]]])  # the first channel is smaller, then larger
    sums = np.float32([[[[1], [6]], [[3], [5]]]])
    apart = np.float32([[[[1], [-1]], [[1], [-1]]]])
    np.testing.assert_array_equal(view.outputs({"x": x})["y"], sums + apart)


@pytest.mark.parametrize("kind", ["CumSum", "CumProd"])
@pytest.mark.parametrize("exclusive", [0, 1])
@pytest.mark.parametrize("reverse", [0, 1])
def test_running_totals_agree_from_both_ends_with_and_without_the_element(
    build: Any, agree: Any, kind: str, exclusive: int, reverse: int
) -> None:
    node = make_node(kind, ["x", "axis"], ["y"], exclusive=exclusive, reverse=reverse)
    if kind == "CumSum":
        agree(build([node], {"axis": np.array(1)}, ("batch", 4, 2)))
    view = torch_view(build([node], {"axis": np.array(1)}, (1, 3), opset=26))
    y = view.outputs({"x": np.float32([[2, 5, 7]])})["y"][0].tolist()
    assert y == {
        ("CumSum", 0, 0): [2, 7, 14], ("CumSum", 1, 0): [0, 2, 7],
        ("CumSum", 0, 1): [14, 12, 7], ("CumSum", 1, 1): [12, 7, 0],
        ("CumProd", 0, 0): [2, 10, 70], ("CumProd", 1, 0): [1, 2, 10],
        ("CumProd", 0, 1): [70, 35, 7], ("CumProd", 1, 1): [35, 7, 1],
    }[kind, exclusive, reverse]  # fmt: skip


def test_the_last_of_equal_extremes_can_be_asked_for(build: Any, agree: Any) -> None:
    nodes = [
        make_node("Round", ["x"], ["r"]),
        make_node("ArgMax", ["r"], ["a"], axis=1, select_last_index=1),
        make_node("ArgMin", ["r"], ["b"], axis=1, select_last_index=1),
        make_node("Add", ["a", "b"], ["y"]),
    ]
    view = agree(build(nodes, {}, ("batch", 6), made=7))
    y = view.outputs({"x": np.float32([[3, 1, 1, 3, 2, 2]])})["y"]
    assert y.tolist() == [[3 + 2]]
