import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from lathe.facts import IoSpec, TensorSpec
from worker.engine.intake.random_inputs import (
    Sizes,
    Unfillable,
    index_bounds,
    random_inputs,
)


def test_token_ids_stay_below_the_smallest_table_they_index() -> None:
    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["ids"], ["c"], to=TensorProto.INT64),
            helper.make_node("Gather", ["wide", "c"], ["a"]),
            helper.make_node("Gather", ["narrow", "c"], ["b"], axis=1),
            helper.make_node("Gather", ["wide", "fixed"], ["d"]),
        ],
        "g",
        [helper.make_tensor_value_info(n, TensorProto.INT32, ["n"]) for n in ("ids", "mask")],
        [helper.make_tensor_value_info("a", TensorProto.FLOAT, None)],
        [
            numpy_helper.from_array(np.zeros((31, 2), np.float32), "wide"),
            numpy_helper.from_array(np.zeros((40, 7), np.float32), "narrow"),
        ],
    )
    assert index_bounds(helper.make_model(graph)) == {"ids": 7}


def _io(**doors: TensorSpec) -> IoSpec:
    return IoSpec(inputs=tuple(doors.values()), outputs=())


def test_values_fit_their_kind_and_sizes() -> None:
    io = _io(
        x=TensorSpec(name="x", dtype="float16", shape=("n", 3, "t")),
        ids=TensorSpec(name="ids", dtype="int64", shape=("n", 500)),
        mask=TensorSpec(name="mask", dtype="int64", shape=("n", 500)),
        image=TensorSpec(name="image", dtype="uint8", shape=(1, 500)),
    )
    made = random_inputs(io, {"ids": 7}, Sizes(batch=2, other=9), seed=1)
    assert made["x"].shape == (2, 3, 9)
    assert made["x"].dtype.name == "float16"
    assert set(np.unique(made["ids"])) == set(range(7))
    assert set(np.unique(made["mask"])) == {0, 1}
    assert made["mask"][:, 0].tolist() == [1, 1]
    assert int(np.max(made["image"])) > 200
    again = random_inputs(io, {"ids": 7}, Sizes(batch=2, other=9), seed=1)
    assert all(np.array_equal(made[name], again[name]) for name in made)


@pytest.mark.parametrize(
    ("dtype", "size", "said"),
    [("string", 2, "'x' is string"), ("float32", 1 << 27, "134217728 elements")],
)
def test_what_cannot_be_filled_is_said(dtype: str, size: int, said: str) -> None:
    io = _io(x=TensorSpec.model_validate({"name": "x", "dtype": dtype, "shape": (size,)}))
    with pytest.raises(Unfillable, match=said):
        random_inputs(io, {}, Sizes(batch=1, other=1), seed=1)
