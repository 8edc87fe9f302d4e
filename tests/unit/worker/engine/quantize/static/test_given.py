"""Ranges that are given: whom they are about."""

from collections.abc import Callable

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from pydantic import ValidationError

from lathe.errors import UnknownLayer
from lathe.techniques.quantize import Given, QuantizeStatic, Range
from worker.engine.checkpoint import Checkpoint
from worker.engine.context import Context, Samples
from worker.engine.graph.initializers import initializers
from worker.engine.quantize.nodes import named
from worker.engine.quantize.static.given import given_ranges
from worker.engine.quantize.static.lower import quantize_static

ALL = ("x", "c", "r", "d", "p", "f", "y")


def given(**ranges: tuple[float, float]) -> Given:
    return Given(ranges=tuple(Range(of=n, low=a, high=b) for n, (a, b) in ranges.items()))


@pytest.fixture
def net(convnet: Checkpoint) -> onnx.ModelProto:
    """`convnet` with nodes that have names: x, Conv a -> c, Relu -> r, Conv b -> d, ..., y."""
    model = convnet.private()
    named(model)
    return model


def test_a_name_is_an_activation_or_a_layer_whose_output_is_meant(net: onnx.ModelProto) -> None:
    assert given_ranges(net, given(p=(-1, 2), b=(-3, 4)), ALL) == {"p": (-1, 2), "d": (-3, 4)}


def test_a_layer_reaches_behind_the_relu_that_lets_nothing_below_zero_through(
    net: onnx.ModelProto,
) -> None:
    assert given_ranges(net, given(a=(-3, 5)), ALL) == {"c": (-3, 5), "r": (0, 5)}
    assert given_ranges(net, given(r=(-3, 5)), ALL) == {"r": (0, 5)}


def test_a_clip_cuts_both_ends(build: Callable[..., Checkpoint]) -> None:
    nodes = [helper.make_node("Clip", ["x", "least", "most"], ["y"])]
    limits = {"least": np.float32(-0.5), "most": np.float32(6)}
    clip = build(nodes, limits, {"x": ["n", 2]}, {"y": ["n", 2]}).model
    assert given_ranges(clip, given(y=(-3, 7)), ("x", "y")) == {"y": (-0.5, 6)}
    assert given_ranges(clip, given(y=(-0.25, 2)), ("x", "y")) == {"y": (-0.25, 2)}
    open_ended = build(
        [helper.make_node("Clip", ["x", "", "most"], ["y"])],
        {"most": np.float32(6)},
        {"x": ["n", 2]},
        {"y": ["n", 2]},
    ).model
    assert given_ranges(open_ended, given(y=(-3, 7)), ("x", "y")) == {"y": (-3, 6)}


def test_a_name_that_means_nothing_is_refused_with_those_near_it(net: onnx.ModelProto) -> None:
    with pytest.raises(UnknownLayer, match=r"called 'yy'; did you mean 'y'\?") as refused:
        given_ranges(net, given(yy=(-1, 1)), ALL)
    assert refused.value.param == "calibration.ranges"
    with pytest.raises(UnknownLayer, match="there are 'a', 'b', 'c' and others"):
        given_ranges(net, given(something_else=(-1, 1)), ALL)
    with pytest.raises(UnknownLayer, match="'b' puts out does not become integers"):
        given_ranges(net, given(b=(-1, 1)), ("x", "c"))


def test_the_integers_cover_the_given_range_and_min_max_the_rest(
    convnet: Checkpoint,
    images: NDArray[np.float32],
    samples: Callable[[NDArray[np.float32]], Samples],
    context: Callable[..., Context],
) -> None:
    spec = QuantizeStatic(calibration=given(x=(-1, 4.1), a=(-9, 2.55)))
    calibrated = context(convnet, samples(images))
    stored = initializers(quantize_static(convnet, spec, calibrated).checkpoint.model)
    usual = initializers(
        quantize_static(convnet, QuantizeStatic(), calibrated).checkpoint.model
    )

    def grid(tensors: dict[str, onnx.TensorProto], name: str) -> tuple[float, int]:
        return tuple(
            numpy_helper.to_array(tensors[f"{name}_{part}"]).item()
            for part in ("scale", "zero_point")
        )

    assert grid(stored, "x") == (pytest.approx(5.1 / 255), 50)
    assert grid(stored, "c") == (pytest.approx(0.01), 0)
    assert grid(stored, "d") == grid(usual, "d")
    assert grid(stored, "c") != grid(usual, "c")


def test_a_range_that_covers_nothing_or_not_zero_is_no_range() -> None:
    for low, high in ((0, 0), (1, 2), (-2, -1)):
        with pytest.raises(ValidationError):
            Range(of="x", low=low, high=high)
    with pytest.raises(ValidationError, match="'x' has two"):
        Given(ranges=(Range(of="x", low=0, high=1), Range(of="x", low=0, high=2)))
