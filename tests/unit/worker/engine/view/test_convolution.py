from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from onnx.helper import make_node
from torch import nn

from worker.engine.view import blocking_operators


@pytest.mark.parametrize(
    ("shape", "x", "attributes"),
    [
        ((4, 3, 3, 3), ("batch", 3, 9, 7), {"pads": [1, 1, 1, 1], "strides": [2, 1]}),
        ((4, 3, 3, 3), ("batch", 3, 9, 7), {"pads": [0, 2, 1, 0]}),
        ((4, 3, 3, 2), ("batch", 3, 9, 8), {"auto_pad": "SAME_UPPER", "strides": [2, 3]}),
        ((4, 3, 2, 2), ("batch", 3, 9, 8), {"auto_pad": "SAME_LOWER"}),
        ((4, 3, 2, 2), ("batch", 3, 9, 8), {"auto_pad": "VALID"}),
        ((6, 1, 3, 3), ("batch", 3, 9, 7), {"group": 3, "dilations": [2, 1]}),
        ((6, 2, 3), ("batch", 4, 9), {"group": 2, "pads": [1, 2]}),
        ((2, 3, 2, 2, 2), ("batch", 3, 4, 5, 3), {"strides": [1, 2, 1]}),
    ],
)
def test_conv_agrees_whatever_its_pads(
    build: Any, agree: Any, rand: Any, shape: Any, x: Any, attributes: Any
) -> None:
    conv = make_node("Conv", ["x", "c.weight", "c.bias"], ["y"], **attributes)
    view = agree(build([conv], {"c.weight": rand(*shape), "c.bias": rand(shape[0], seed=4)}, x))
    assert view.layers == {"c.weight": "c"}


@pytest.mark.parametrize(
    ("shape", "attributes"),
    [
        ((3, 4, 3, 2), {"strides": [2, 2], "pads": [1, 0, 1, 0], "output_padding": [1, 0]}),
        ((3, 4, 3, 3), {"strides": [2, 1], "pads": [0, 1, 2, 0]}),
        ((3, 2, 3, 3), {"group": 3, "dilations": [1, 2]}),
    ],
)
def test_conv_transpose_agrees_with_uneven_pads_too(
    build: Any, agree: Any, rand: Any, shape: Any, attributes: Any
) -> None:
    conv = make_node("ConvTranspose", ["x", "u"], ["y"], **attributes)
    agree(build([conv], {"u": rand(*shape)}, ("batch", 3, 5, 6)))


def test_a_residual_net_with_batch_norm_is_made_of_modules(
    build: Any, agree: Any, rand: Any
) -> None:
    constants = {"a.weight": rand(3, 3, 3, 3), "bn.scale": rand(3), "bn.shift": rand(3, seed=1)}
    constants |= {"bn.mean": rand(3, seed=2), "bn.var": rand(3, seed=9) ** 2 + 0.5}
    nodes = [
        make_node("Conv", ["x", "a.weight"], ["a"], pads=[1, 1, 1, 1]),
        make_node(
            "BatchNormalization", ["a", "bn.scale", "bn.shift", "bn.mean", "bn.var"], ["b"]
        ),
        make_node("Add", ["b", "x"], ["c"]),
        make_node("Relu", ["c"], ["y"]),
    ]
    view = agree(build(nodes, constants))
    kinds = {type(m) for m in view.module.children()}
    assert kinds == {nn.Conv2d, nn.BatchNorm2d, nn.ReLU}


def test_two_convolutions_that_share_a_weight_share_one_parameter(
    build: Any, agree: Any, rand: Any
) -> None:
    nodes = [make_node("Conv", ["x", "w"], ["a"]), make_node("Conv", ["a", "w"], ["y"])]
    view = agree(build(nodes, {"w": rand(3, 3, 2, 2)}))
    assert len(list(view.module.parameters())) == 1


def test_a_weight_that_is_used_in_two_ways_is_one_free_parameter(
    build: Any, agree: Any, rand: Any
) -> None:
    nodes = [
        make_node("Conv", ["x", "w"], ["a"]),
        make_node("ReduceSum", ["w"], ["s"], keepdims=0),
        make_node("Mul", ["a", "s"], ["y"]),
    ]
    view = agree(build(nodes, {"w": rand(3, 3, 2, 2)}))
    assert view.layers == {"w": "free_w"}
    assert list(view.free_parameters()) == ["free_w"]


@pytest.mark.parametrize(
    "attributes",
    [
        {"auto_pad": "SAME_UPPER", "strides": [2, 2]},
        {"auto_pad": "SAME_LOWER", "strides": [2, 3]},
        {"auto_pad": "SAME_UPPER", "strides": [4, 1]},
        {"auto_pad": "VALID", "strides": [2, 1]},
        {"output_shape": [8, 7], "strides": [2, 1]},
        {"output_shape": [12, 20], "strides": [2, 3], "auto_pad": "SAME_UPPER"},
        {"output_shape": [10, 8], "strides": [2, 2], "output_padding": [1, 0]},
    ],
)
def test_conv_transpose_agrees_where_its_pads_follow_from_its_answer(
    build: Any, agree: Any, rand: Any, attributes: Any
) -> None:
    conv = make_node("ConvTranspose", ["x", "u", "b"], ["y"], **attributes)
    constants = {"u": rand(3, 4, 3, 3), "b": rand(4, seed=1)}
    view = agree(build([conv], constants, ("batch", 3, 5, 6)))
    assert view.layers == {"u": "u"}


def test_conv_transpose_may_share_its_weight_with_a_conv(
    build: Any, agree: Any, rand: Any
) -> None:
    nodes = [
        make_node("Conv", ["x", "w", "b"], ["a"], strides=[2, 2]),
        make_node("ConvTranspose", ["a", "w"], ["y"], strides=[2, 2]),
    ]
    view = agree(build(nodes, {"w": rand(4, 3, 2, 2), "b": rand(4, seed=1)}))
    assert view.layers == {"w": "free_w"}


def test_an_output_shape_of_an_unknown_size_is_named_as_the_obstacle(
    build: Any, rand: Callable[..., np.ndarray[Any, Any]]
) -> None:
    conv = make_node("ConvTranspose", ["x", "u"], ["y"], output_shape=[10, 10], strides=[2, 2])
    model = build([conv], {"u": rand(3, 4, 3, 3)}, ("batch", 3, "high", "wide"))
    why = "output_shape of an input of unknown size"
    assert blocking_operators(model) == (f"ConvTranspose({why})",)
