from typing import Any

import numpy as np
import pytest
from onnx.helper import make_node

from worker.engine.view import blocking_operators

COORDINATES = ["half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel"]


@pytest.mark.parametrize("coordinates", COORDINATES)
@pytest.mark.parametrize(
    "rounding", ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"]
)
def test_nearest_agrees_however_positions_are_rounded(
    build: Any, agree: Any, coordinates: str, rounding: str
) -> None:
    node = make_node(
        "Resize", ["x", "", "scales"], ["y"], coordinate_transformation_mode=coordinates,
        nearest_mode=rounding,
    )  # fmt: skip
    agree(build([node], {"scales": np.array([1, 1, 2, 0.5], np.float32)}, ("batch", 2, 3, 6)))


@pytest.mark.parametrize("mode", ["linear", "cubic"])
@pytest.mark.parametrize("coordinates", ["half_pixel", "align_corners"])
def test_smooth_resizing_agrees(build: Any, agree: Any, mode: str, coordinates: str) -> None:
    node = make_node(
        "Resize", ["x", "", "", "sizes"], ["y"], mode=mode,
        coordinate_transformation_mode=coordinates,
    )  # fmt: skip
    agree(build([node], {"sizes": np.array([2, 3, 7, 5])}, (2, 3, 4, 6)))


def test_antialiasing_is_named_as_the_obstacle(build: Any) -> None:
    node = make_node("Resize", ["x", "", "s"], ["y"], mode="linear", antialias=1)
    model = build([node], {"s": np.array([1, 1, 2, 2], np.float32)})
    assert blocking_operators(model) == ("Resize(antialias)",)
