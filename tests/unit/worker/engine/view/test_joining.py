from typing import Any

import numpy as np
import pytest
import torch
from onnx.helper import make_node

from worker.engine.view.modules import SplitSizes

INTS = {"pads": [1, 0, 2, 1], "axes": [1, -1]}


@pytest.mark.parametrize("mode", ["constant", "edge", "reflect", "wrap"])
def test_uneven_pads_agree_in_every_mode(build: Any, agree: Any, mode: str) -> None:
    constants: dict[str, Any] = {name: np.array(v) for name, v in INTS.items()}
    constants["value"] = np.array(0.5, np.float32)
    node = make_node("Pad", ["x", "pads", "value", "axes"], ["y"], mode=mode)
    agree(build([node], constants, ("batch", 4, 3, 5), opset=19))


def test_negative_pads_cut(build: Any, agree: Any) -> None:
    agree(
        build([make_node("Pad", ["x", "p"], ["y"])], {"p": np.array([0, -1, 0, 2])}, ("b", 5))
    )


@pytest.mark.parametrize(
    ("start", "end", "step"),
    [(1, 3, 1), (-3, 2**63 - 1, 1), (0, 6, 2), (-1, -(2**63), -1), (4, 1, -2)],
)
def test_a_slice_agrees(build: Any, agree: Any, start: int, end: int, step: int) -> None:
    constants = {"s": np.array([start]), "e": np.array([end]), "a": np.array([1])}
    node = make_node("Slice", ["x", "s", "e", "a", "t"], ["y"])
    agree(build([node], {**constants, "t": np.array([step])}, ("batch", 6, 2)))


def test_a_slice_up_to_a_computed_size_agrees(build: Any, agree: Any) -> None:
    nodes = [
        make_node("Shape", ["x"], ["size"]),
        make_node("Gather", ["size", "one"], ["time"]),
        make_node("Sub", ["time", "two"], ["end"]),
        make_node("Unsqueeze", ["end", "zero"], ["ends"]),
        make_node("Slice", ["x", "zero", "ends", "ones"], ["y"]),
    ]
    numbers = {
        "one": np.array(1),
        "two": np.array(2),
        "zero": np.array([0]),
        "ones": np.array([1]),
    }
    agree(build(nodes, numbers, ("batch", "time", 2)))


def test_equal_parts_stay_equal_and_unequal_ones_keep_their_sizes(
    build: Any, agree: Any
) -> None:
    nodes = [
        make_node("Split", ["x"], ["a", "b", "c"], axis=1, num_outputs=3),
        make_node("Concat", ["c", "a", "b"], ["j"], axis=1),
        make_node("Split", ["j", "sizes"], ["d", "e"], axis=1),
        make_node("Concat", ["e", "d"], ["y"], axis=-2),
    ]
    view = agree(build(nodes, {"sizes": np.array([4, 2])}, ("batch", 6, 2)))
    (split,) = view.module.children()
    assert isinstance(split, SplitSizes)
    split.sizes = [5, 4]
    assert view.forward({"x": torch.zeros(2, 9, 2)})["y"].shape == (2, 9, 2)
