from typing import Any

import numpy as np
import pytest
import torch
from onnx.helper import make_node

from worker.engine.view import blocking_operators, torch_view


@pytest.mark.parametrize(
    "attributes",
    [
        {"kernel_shape": [3, 2], "strides": [2, 1]},
        {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]},
        {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [0, 1, 2, 0]},
        {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1},
        {"kernel_shape": [3, 2], "strides": [3, 3], "pads": [1, 0, 1, 1], "ceil_mode": 1},
        {"kernel_shape": [3, 3], "strides": [2, 2], "auto_pad": "SAME_UPPER"},
        {"kernel_shape": [2, 2], "strides": [3, 2], "auto_pad": "SAME_LOWER"},
    ],
)
@pytest.mark.parametrize("kind", ["MaxPool", "AveragePool", "padded AveragePool", "LpPool"])
def test_a_pool_agrees_whatever_its_pads(
    build: Any, agree: Any, kind: str, attributes: Any
) -> None:
    extra: dict[str, Any] = {"count_include_pad": 1} if kind.startswith("padded") else {}
    node = make_node(kind.rsplit(maxsplit=1)[-1], ["x"], ["y"], **attributes, **extra)
    agree(build([node], {}, ("batch", 3, 8, 7), opset=22))


def test_one_and_three_spatial_axes_and_dilations_agree(build: Any, agree: Any) -> None:
    line = make_node("MaxPool", ["x"], ["y"], kernel_shape=[2], dilations=[3])
    agree(build([line], {}, ("batch", 3, 9)))
    cube = make_node("AveragePool", ["x"], ["y"], kernel_shape=[2, 2, 3])
    agree(build([cube], {}, ("batch", 2, 4, 5, 3)))
    for kind in ("AveragePool", "LpPool"):
        flat = make_node(kind, ["x"], ["y"], kernel_shape=[2, 3], dilations=[3, 2])
        agree(build([flat], {}, ("batch", 2, 7, 8), opset=22))


def test_a_pool_of_norms_by_hand(build: Any, agree: Any) -> None:
    node = make_node("LpPool", ["x"], ["y"], kernel_shape=[2], p=3)
    view = agree(build([node], {}, ("batch", 1, 3)))
    y = view.outputs({"x": np.float32([[[1, -2, 0]]])})["y"]
    np.testing.assert_allclose(y, [[[9 ** (1 / 3), 2]]], rtol=1e-6)


def test_a_norm_of_nothing_but_zeros_has_a_gradient(build: Any) -> None:
    nodes = [
        make_node("LpPool", ["x"], ["a"], kernel_shape=[2]),
        make_node("ReduceL2", ["x", "last"], ["b"]),
        make_node("LpNormalization", ["x"], ["c"]),
        make_node("GlobalLpPool", ["x"], ["d"]),
        make_node("Concat", ["a", "b", "c", "d"], ["y"], axis=2),
    ]
    view = torch_view(build(nodes, {"last": np.array([2])}, ("batch", 1, 3)))
    x = torch.zeros(1, 1, 3, requires_grad=True)
    view.forward({"x": x})["y"].sum().backward()
    assert torch.isfinite(x.grad).all()


def test_global_pools_agree(build: Any, agree: Any) -> None:
    nodes = [make_node(f"Global{k}Pool", ["x"], [k]) for k in ("Average", "Max", "Lp")]
    agree(build([*nodes, make_node("Sum", ["Average", "Max", "Lp"], ["y"])]))


def test_positions_of_the_maxima_are_named_as_the_obstacle(build: Any) -> None:
    node = make_node("MaxPool", ["x"], ["y", "i"], kernel_shape=[2, 2])
    assert blocking_operators(build([node])) == ("MaxPool(Indices)",)
