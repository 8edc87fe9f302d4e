from typing import Any

import numpy as np
import pytest
from onnx.helper import make_node

KINDS = ("Mean", "Sum", "Max", "Min", "Prod", "L1", "L2", "SumSquare", "LogSumExp")


@pytest.mark.parametrize("kind", KINDS)
def test_a_reduction_agrees_over_some_and_over_all_axes(
    build: Any, agree: Any, kind: str
) -> None:
    axes = {"axes": np.array([1, -1])}
    node = make_node(f"Reduce{kind}", ["x", "axes"], ["y"], keepdims=0)
    agree(build([node], axes, ("batch", 3, 4, 2)))
    agree(build([make_node(f"Reduce{kind}", ["x"], ["y"])], {}, ("batch", 3, 2)))


def test_no_axes_can_mean_no_reduction(build: Any, agree: Any) -> None:
    agree(build([make_node("ReduceSum", ["x"], ["y"], noop_with_empty_axes=1)]))


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
