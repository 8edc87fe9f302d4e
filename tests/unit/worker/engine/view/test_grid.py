from typing import Any

import numpy as np
import pytest
from onnx.helper import make_node

from worker.engine.view import blocking_operators


@pytest.mark.parametrize("mode", ["linear", "nearest", "cubic"])
@pytest.mark.parametrize("beyond", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("aligned", [0, 1])
def test_an_image_read_at_places_agrees(
    build: Any, agree: Any, rand: Any, mode: str, beyond: str, aligned: int
) -> None:
    node = make_node(
        "GridSample", ["x", "g"], ["y"], mode=mode, padding_mode=beyond, align_corners=aligned
    )
    agree(build([node], {"g": rand(2, 4, 3, 2)}, (2, 3, 5, 6), opset=20))


@pytest.mark.parametrize("aligned", [0, 1])
def test_a_warp_that_the_net_itself_computes_agrees(
    build: Any, agree: Any, rand: Any, aligned: int
) -> None:
    nodes = [
        make_node("GlobalAveragePool", ["x"], ["p"]),
        make_node("Flatten", ["p"], ["f"]),
        make_node("Gemm", ["f", "w", "b"], ["t"]),
        make_node("Reshape", ["t", "rows"], ["theta"]),
        make_node("AffineGrid", ["theta", "size"], ["g"], align_corners=aligned),
        make_node("GridSample", ["x", "g"], ["y"], align_corners=aligned),
    ]
    constants = {
        "w": rand(3, 6),
        "b": np.float32([1, 0, 0, 0, 1, 0]),
        "rows": np.array([-1, 2, 3]),
    }
    size = {"size": np.array([2, 3, 4, 5])}
    agree(build(nodes, {**constants, **size}, (2, 3, 5, 6), opset=20))


def test_columns_become_an_image_again(build: Any, agree: Any) -> None:
    node = make_node(
        "Col2Im", ["x", "image", "block"], ["y"], strides=[2, 1], pads=[1, 0, 1, 0]
    )
    sizes = {"image": np.array([5, 4]), "block": np.array([3, 2])}
    agree(build([node], sizes, ("batch", 2 * 6, 9)))


def test_uneven_pads_of_columns_are_named_as_the_obstacle(build: Any) -> None:
    node = make_node("Col2Im", ["x", "image", "block"], ["y"], pads=[1, 0, 0, 0])
    sizes = {"image": np.array([4, 4]), "block": np.array([3, 2])}
    model = build([node], sizes, ("batch", 2 * 6, 9))
    assert blocking_operators(model) == ("Col2Im(pads or rank)",)
