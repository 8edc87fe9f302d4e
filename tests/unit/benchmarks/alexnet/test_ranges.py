"""Ranges are of the image's pixels and of what the layers put out, behind their Relu."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from benchmarks.alexnet.ranges import pixel_range, ranges
from lathe.facts import Transform

PIXELS = Transform(scale=1 / 255, mean=(0.5, 0.25), std=(0.25, 0.5))


def net(path: Path, bias: float) -> Path:
    """Twice the first channel less the second, Relu, then three times that and a bias."""
    nodes = [
        helper.make_node("Conv", ["image", "conv.weight"], ["mixed"]),
        helper.make_node("Relu", ["mixed"], ["open"]),
        helper.make_node("Flatten", ["open"], ["flat"]),
        helper.make_node("Gemm", ["flat", "fc.weight", "fc.bias"], ["logits"]),
    ]
    weights = {
        "conv.weight": np.array([2, -1], np.float32).reshape(1, 2, 1, 1),
        "fc.weight": np.array([[3]], np.float32),
        "fc.bias": np.array([bias], np.float32),
    }
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 2, 1, 1])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 1])],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    opset = [helper.make_opsetid("", 18)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), path)
    return path


@pytest.mark.parametrize(("bias", "low", "high"), [(-9, -9.0, 12.0), (5, 0.0, 26.0)])
def test_a_layer_has_the_least_and_largest_behind_its_relu_and_zero_is_covered(
    tmp_path: Path, bias: float, low: float, high: float
) -> None:
    images = np.array([[1, 4], [5, 3]], np.float32).reshape(2, 2, 1, 1)  # -2 and 7 mixed
    found = ranges(net(tmp_path / "net.onnx", bias), images, PIXELS)
    assert found == [
        {"of": "image", "low": -2.0, "high": 2.0},  # (0 - 0.5) / 0.25, (1 - 0.5) / 0.25
        {"of": "conv.weight", "low": 0.0, "high": 7.0},
        {"of": "fc.weight", "low": low, "high": high},
    ]


def test_the_pixels_of_the_widest_channel_count() -> None:
    narrow = Transform(scale=1 / 255, mean=(0.1, 0.9), std=(0.5, 0.5))
    assert pixel_range(narrow) == pytest.approx((-1.8, 1.8))  # of the second and the first
