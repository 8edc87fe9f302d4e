from typing import Any

import numpy as np
import pytest
from onnx.helper import make_node
from torch import nn

from worker.engine.view import torch_view


def test_rows_of_a_trained_table_are_an_embedding(build: Any, agree: Any, rand: Any) -> None:
    node = make_node("Gather", ["words.weight", "x"], ["y"])
    view = agree(build([node], {"words.weight": rand(7, 4)}, ("batch", "time"), kind=7))
    assert isinstance(view.module.words, nn.Embedding)


@pytest.mark.parametrize("index", [np.array(-1), np.array([2, -3]), np.array([[0, 1], [2, 0]])])
def test_fixed_positions_agree(build: Any, agree: Any, index: Any) -> None:
    node = make_node("Gather", ["x", "i"], ["y"], axis=1)
    agree(build([node], {"i": index}, ("batch", 3, 2)))


def test_computed_positions_agree(build: Any, agree: Any, rand: Any) -> None:
    nodes = [
        make_node("TopK", ["x", "two"], ["values", "places"], axis=1),
        make_node("GatherElements", ["x", "places"], ["g"], axis=1),
        make_node("ScatterElements", ["x", "places", "g"], ["s"], axis=1),
        make_node("Sub", ["places", "four"], ["back"]),
        make_node("ScatterElements", ["s", "back", "values"], ["t"], axis=1),
        make_node("Trilu", ["t"], ["u"], upper=0),
        make_node("Unsqueeze", ["places", "last"], ["nd"]),
        make_node("GatherND", ["x", "nd"], ["p"], batch_dims=1),
        make_node("Concat", ["u", "p"], ["y"], axis=1),
    ]
    constants = {"two": np.array([2]), "four": np.array(4), "last": np.array([-1])}
    agree(build(nodes, constants, ("batch", 4)))


def test_writing_by_position_and_one_hot_agree(build: Any, agree: Any, rand: Any) -> None:
    nodes = [
        make_node("ScatterND", ["x", "i", "new"], ["s"]),
        make_node("GatherND", ["s", "i"], ["g"]),
        make_node("ArgMax", ["x"], ["m"], axis=1, keepdims=0),
        make_node("OneHot", ["m", "depth", "values"], ["h"], axis=0),
        make_node("ReduceSum", ["h"], ["r"], keepdims=0),
        make_node("Add", ["g", "r"], ["y"]),
    ]
    constants = {"i": np.array([[1], [0]]), "new": rand(2, 3), "depth": np.array(5)}
    agree(build(nodes, {**constants, "values": np.array([-1, 2], np.float32)}, (4, 3)))


@pytest.mark.parametrize("how", ["add", "mul", "max", "min"])
def test_what_is_written_twice_is_combined(build: Any, agree: Any, rand: Any, how: str) -> None:
    nodes = [
        make_node("ScatterND", ["x", "pairs", "few"], ["s"], reduction=how),
        make_node("ScatterElements", ["s", "i", "new"], ["y"], axis=1, reduction=how),
    ]
    constants = {
        "pairs": np.array([[[1, 0], [-1, 2]], [[1, 0], [0, -1]]]),
        "few": rand(2, 2, 2),
        "i": np.array([[[0, 2]], [[-1, 0]]]),
        "new": rand(2, 1, 2, seed=8),
    }
    agree(build(nodes, constants, (4, 3, 2)))


def test_two_numbers_added_to_one_place_by_hand(build: Any) -> None:
    node = make_node("ScatterND", ["x", "i", "new"], ["y"], reduction="add")
    constants = {"i": np.array([[1], [1]]), "new": np.array([4, 5], np.float32)}
    view = torch_view(build([node], constants, (3,)))
    assert view.outputs({"x": np.float32([1, 2, 3])})["y"].tolist() == [1, 11, 3]
