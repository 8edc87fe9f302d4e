from typing import Any

import pytest
from onnx.helper import make_node

from worker.engine.view import blocking_operators


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
@pytest.mark.parametrize("kind", ["MaxPool", "AveragePool", "padded AveragePool"])
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


def test_global_pools_agree(build: Any, agree: Any) -> None:
    nodes = [make_node(f"Global{k}Pool", ["x"], [k]) for k in ("Average", "Max")]
    agree(build([*nodes, make_node("Sub", ["Average", "Max"], ["y"])]))


def test_positions_of_the_maxima_are_named_as_the_obstacle(build: Any) -> None:
    node = make_node("MaxPool", ["x"], ["y", "i"], kernel_shape=[2, 2])
    assert blocking_operators(build([node])) == ("MaxPool(Indices)",)
