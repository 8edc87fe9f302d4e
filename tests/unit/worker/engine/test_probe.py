from collections.abc import Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from worker.engine.probe import random_inputs, table_rows

Door = tuple[str, int, Sequence[int | str | None]]


def net(doors: Sequence[Door]) -> onnx.ModelProto:
    """Ids reach a table of 7 rows through a cast and one of 5 directly."""
    nodes = [
        helper.make_node("Cast", ["ids"], ["long"], to=TensorProto.INT64),
        helper.make_node("Gather", ["words", "long"], ["a"]),
        helper.make_node("Gather", ["kinds", "ids"], ["y"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info(*door) for door in doors],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None])],
        [
            numpy_helper.from_array(np.zeros((7, 2), np.float32), "words"),
            numpy_helper.from_array(np.zeros((2, 5), np.float32), "kinds"),
        ],
    )
    return helper.make_model(graph)


def test_ids_lie_within_the_smallest_table_they_reach() -> None:
    model = net([("ids", TensorProto.INT32, ["batch", 400])])
    assert table_rows(model, "ids") == 5
    ids = random_inputs(model, 3, seed=0)["ids"]
    assert ids.shape == (3, 400)
    assert ids.dtype == np.int32
    assert (ids.min(), ids.max()) == (0, 4)


def test_masks_are_zero_or_one_and_begin_with_one() -> None:
    doors: list[Door] = [
        ("ids", TensorProto.INT64, ["n", "t"]),
        ("mask", TensorProto.INT64, ["n", "t"]),
        ("flags", TensorProto.BOOL, ["n", "t"]),
    ]
    inputs = random_inputs(net(doors), 50, seed=0)
    assert {name: a.shape for name, a in inputs.items()} == dict.fromkeys(inputs, (50, 8))
    for name in ("mask", "flags"):
        assert inputs[name][:, 0].all()
        assert not inputs[name].all()
        assert inputs[name].max() == 1


def test_axes_of_one_name_get_one_size_and_the_first_is_the_batch() -> None:
    doors: list[Door] = [
        ("ids", TensorProto.INT64, ["n"]),
        ("image", TensorProto.FLOAT, ["n", 3, "side", None]),
        ("other", TensorProto.DOUBLE, ["side", "n", None]),
    ]
    inputs = random_inputs(net(doors), 4, seed=0)
    assert inputs["image"].shape == (4, 3, 4, 64)
    assert inputs["other"].shape == (4, 4, 8)
    assert inputs["other"].dtype == np.float64


def test_the_seed_decides() -> None:
    model = net([("ids", TensorProto.INT64, ["n"]), ("x", TensorProto.FLOAT, ["n", 9])])
    first, again, other = (random_inputs(model, 4, seed=seed)["x"] for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
