from typing import Any

import numpy as np
import pytest
import torch
from onnx.helper import make_node
from torch import nn

from worker.engine.view.modules import SplitLast


def shaped(*sizes: int, zero: int = 0) -> tuple[Any, dict[str, Any]]:
    return make_node("Reshape", ["x", "to"], ["y"], allowzero=zero), {"to": np.array(sizes)}


@pytest.mark.parametrize(
    ("x", "to"),
    [
        (("batch", 3, 8, 4), (-1, 96)),
        (("batch", 3, 8, 4), (0, 3, -1)),
        (("batch", 3, 8, 4), (0, -1, 4)),
        (("batch", 6, 4), (-1, 3, 2, 4)),
        (("batch", 6, 4), (-1, 4)),
        (("batch", 6, 4), (0, 6, 4)),
        (("batch", 6, 4), (-1, 8, 3)),
        (("batch", 6), (0, 6, 1, 1)),
        (("batch", 6, 1, 1), (0, 6)),
        (("batch", 1, 6), (-1, 6)),
        (("batch", 4), (1, -1)),
        (("batch", "time", 6), (0, 0, 2, 3)),
        (("batch", "time", 6), (-1, 6)),
        ((None, None, 4), (-1, 8)),
    ],
)
def test_a_reshape_agrees_at_any_batch(build: Any, agree: Any, x: Any, to: Any) -> None:
    node, constants = shaped(*to)
    for batch in (1, 4):
        agree(build([node], constants, x), batch)


@pytest.mark.parametrize(
    ("x", "to", "narrow", "expected"),
    [
        ((2, 6, 4, 4), (2, 96), (2, 5, 4, 4), (2, 80)),
        ((2, 6, 4, 4), (2, 6, 16), (2, 5, 4, 4), (2, 5, 16)),
        ((2, 6, 4), (2, 24), (2, 6, 3), (2, 18)),
        ((2, 5, 12), (2, 5, 3, 4), (2, 5, 9), (2, 5, 3, 3)),
        ((2, 12, 4), (2, 3, 4, 4), (2, 9, 4), (2, 3, 3, 4)),
        ((2, 6, 1, 1), (2, 6), (2, 5, 1, 1), (2, 5)),
        ((2, 6), (2, 6, 1, 1), (2, 5), (2, 5, 1, 1)),
    ],
)
def test_a_reshape_still_holds_for_fewer_channels(
    build: Any, agree: Any, x: Any, to: Any, narrow: Any, expected: Any
) -> None:
    node, constants = shaped(*to)
    view = agree(build([node], constants, x))
    y = view.forward({"x": torch.zeros(narrow)})["y"]
    assert y.shape == expected


def test_heads_are_an_attribute(build: Any, agree: Any) -> None:
    node, constants = shaped(0, 0, 3, 4)
    view = agree(build([node], constants, ("batch", "time", 12)))
    (split,) = view.module.children()
    assert isinstance(split, SplitLast)
    assert split.h == 3
    split.h = 2
    assert view.forward({"x": torch.zeros(2, 5, 8)})["y"].shape == (2, 5, 2, 4)


def test_attention_with_sizes_computed_from_the_input_agrees(
    build: Any, agree: Any, rand: Any
) -> None:
    nodes = [
        make_node("Shape", ["x"], ["bt"], start=0, end=2),
        make_node("Concat", ["bt", "heads"], ["split"], axis=0),
        make_node("Concat", ["bt", "width"], ["merge"], axis=0),
    ]
    for name in "qkv":
        nodes += [
            make_node("MatMul", ["x", f"{name}.w"], [f"{name}1"]),
            make_node("Reshape", [f"{name}1", "split"], [f"{name}2"]),
            make_node(
                "Transpose",
                [f"{name}2"],
                [name],
                perm=[0, 2, 3, 1] if name == "k" else [0, 2, 1, 3],
            ),
        ]
    nodes += [
        make_node("MatMul", ["q", "k"], ["s"]),
        make_node("Softmax", ["s"], ["p"], axis=-1),
        make_node("MatMul", ["p", "v"], ["o"]),
        make_node("Transpose", ["o"], ["ot"], perm=[0, 2, 1, 3]),
        make_node("Reshape", ["ot", "merge"], ["y"]),
    ]
    constants = {f"{n}.w": rand(6, 6, seed=k) for k, n in enumerate("qkv")}
    sizes = {"heads": np.array([2, 3]), "width": np.array([6])}
    view = agree(build(nodes, {**constants, **sizes}, ("batch", "time", 6)))
    assert sum(isinstance(m, SplitLast) for m in view.module.children()) == 3
    assert sum(isinstance(m, nn.Linear) for m in view.module.children()) == 3


@pytest.mark.parametrize("axis", [0, 1, 2, 3, -1])
def test_flatten_agrees_at_every_axis(build: Any, agree: Any, axis: int) -> None:
    agree(build([make_node("Flatten", ["x"], ["y"], axis=axis)], {}, ("batch", 2, 3)))


def test_axes_of_size_one_come_and_go(build: Any, agree: Any) -> None:
    nodes = [
        make_node("Unsqueeze", ["x", "a"], ["u"]),
        make_node("Squeeze", ["u", "b"], ["s"]),
        make_node("Transpose", ["s"], ["y"]),
    ]
    agree(build(nodes, {"a": np.array([0, -1]), "b": np.array([-1])}, ("batch", 3)))


def test_expand_and_tile_agree_and_follow_fewer_channels(
    build: Any, agree: Any, rand: Any
) -> None:
    nodes = [
        make_node("Shape", ["x"], ["n"], start=0, end=1),
        make_node("Concat", ["n", "rest"], ["size"], axis=0),
        make_node("Expand", ["token", "size"], ["t"]),
        make_node("Concat", ["t", "x"], ["c"], axis=1),
        make_node("Tile", ["c", "twice"], ["y"]),
    ]
    constants = {"rest": np.array([1, 6]), "twice": np.array([1, 2, 1]), "token": rand(1, 1, 6)}
    view = agree(build(nodes, constants, ("batch", 4, 6)))
    token = view.module.get_submodule("free_token")
    token.value = nn.Parameter(token.value[..., :5].clone())
    assert view.forward({"x": torch.zeros(3, 4, 5)})["y"].shape == (3, 10, 5)


@pytest.mark.parametrize("mode", ["DCR", "CRD"])
def test_depth_and_space_change_places(build: Any, agree: Any, mode: str) -> None:
    nodes = [
        make_node("SpaceToDepth", ["x"], ["d"], blocksize=2),
        make_node("DepthToSpace", ["d"], ["y"], blocksize=2, mode=mode),
    ]
    agree(build(nodes, {}, ("batch", 3, 4, 6)))
