from typing import Any

import numpy as np
import pytest
from onnx.helper import make_node

from worker.engine.view import blocking_operators
from worker.engine.view.resample import Kernel, matrix

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


@pytest.mark.parametrize("mode", ["linear", "cubic"])
@pytest.mark.parametrize("coordinates", [*COORDINATES, "half_pixel_symmetric"])
@pytest.mark.parametrize("scales", [[1, 1, 2.5, 0.6], [1, 1, 0.4, 3]])
def test_smooth_resizing_by_scales_agrees_wherever_elements_lie(
    build: Any, agree: Any, mode: str, coordinates: str, scales: Any
) -> None:
    node = make_node(
        "Resize", ["x", "", "s"], ["y"], mode=mode, coordinate_transformation_mode=coordinates
    )
    agree(build([node], {"s": np.array(scales, np.float32)}, (2, 3, 5, 5)))


def test_axes_may_be_named_in_any_order_and_a_cubic_kernel_be_another(
    build: Any, agree: Any
) -> None:
    nodes = [
        make_node("Resize", ["x", "", "", "near"], ["a"], axes=[3, 2]),
        make_node(
            "Resize", ["a", "", "", "sizes"], ["b"], mode="cubic", cubic_coeff_a=-0.5,
            exclude_outside=1,
        ),
        make_node("Resize", ["b", "", "long"], ["y"], mode="linear", axes=[3]),
    ]  # fmt: skip
    constants = {
        "near": np.array([9, 4]),
        "sizes": np.array([2, 3, 7, 5]),
        "long": np.array([1.5], np.float32),
    }
    agree(build(nodes, constants, (2, 3, 4, 6), opset=19))


def test_a_row_of_the_matrix_by_hand() -> None:
    """Three elements to five, asymmetric, scale 5/3: the places are 0, 0.6, 1.2, 1.8, 2.4."""
    linear = matrix(Kernel("linear", "asymmetric", -0.5, exclude_outside=False), 3, 5, 5 / 3)
    expected = [[1, 0, 0], [0.4, 0.6, 0], [0, 0.8, 0.2], [0, 0.2, 0.8], [0, 0, 1]]
    np.testing.assert_allclose(linear, expected, atol=1e-6)
    # a = -1/2 at distances 1.5 0.5 0.5 1.5: -1/16 9/16 9/16 -1/16; the first is outside
    half = Kernel("cubic", "align_corners", -0.5, exclude_outside=True)
    np.testing.assert_allclose(
        matrix(half, 3, 5, 5 / 3)[1], np.array([9, 9, -1]) / 17, atol=1e-6
    )


@pytest.mark.parametrize(
    ("attributes", "why"),
    [
        ({"antialias": 1}, "antialias"),
        ({"coordinate_transformation_mode": "tf_crop_and_resize"}, "tf_crop_and_resize"),
        ({"keep_aspect_ratio_policy": "not_larger"}, "keep_aspect_ratio_policy"),
    ],
)
def test_what_resizes_otherwise_is_named(build: Any, attributes: Any, why: str) -> None:
    sizes = {"s": np.array([1, 1, 2, 2]), "roi": np.zeros(8, np.float32)}
    node = make_node("Resize", ["x", "roi", "", "s"], ["y"], mode="linear", **attributes)
    assert blocking_operators(build([node], sizes)) == (f"Resize({why})",)
