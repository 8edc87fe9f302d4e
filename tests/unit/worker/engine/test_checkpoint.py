from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from lathe.errors import CorruptModel
from worker import keys
from worker.engine import checkpoint
from worker.engine.checkpoint import (
    Checkpoint,
    Multiples,
    QuantizedWeights,
    Trait,
    load,
    save,
)
from worker.engine.onnx_file.array import array
from worker.engine.onnx_file.place import is_mapped, place_of

SIDE = 130  # squared, 67,600 bytes of floats: mapped


def state() -> Checkpoint:
    weight = np.arange(SIDE * SIDE, dtype=np.float32).reshape(SIDE, SIDE)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", SIDE])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", SIDE])],
        [numpy_helper.from_array(weight, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    helper.set_model_props(model, {"author": "someone", checkpoint.ENTRY: "planted"})
    grid = QuantizedWeights(bits=8, symmetric=True, axis=1)
    traits = {
        "w": Trait(channels=130, grid=grid),
        "v": Trait(channels=3),
        "u": Trait(sparse=True, codebook=7, multiples=Multiples((0.25, 3.0), axis=1, most=5)),
    }
    return Checkpoint(model, traits, lowered=True)


def test_what_was_saved_comes_back_with_its_weights_mapped(tmp_path: Path) -> None:
    before = state()
    save(before, tmp_path / "a")
    after = load(tmp_path / "a")
    assert after.traits == before.traits
    assert after.lowered
    (weight,) = after.model.graph.initializer
    assert is_mapped(weight)
    assert place_of(weight).offset % 64 == 0
    assert array(weight)[1, 2] == SIDE + 2
    assert {p.key: p.value for p in after.model.metadata_props} == {"author": "someone"}


def test_it_is_an_onnx_file_and_the_same_for_the_same_state(tmp_path: Path) -> None:
    save(state(), tmp_path / "a")
    save(load(tmp_path / "a"), tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    onnx.checker.check_model(str(tmp_path / "a"))


def test_a_model_is_no_checkpoint(tmp_path: Path) -> None:
    model = state().model
    del model.metadata_props[:]
    (tmp_path / "m").write_bytes(model.SerializeToString())
    with pytest.raises(CorruptModel, match="not a checkpoint of version 3"):
        load(tmp_path / "m")


def test_the_cache_s_key_and_the_file_speak_of_one_format() -> None:
    assert keys.FORMAT == checkpoint.FORMAT


@pytest.mark.parametrize(
    ("steps", "axis", "most"),
    [
        ((0.1,), None, 7),  # 0.1 has more bits than a bfloat16
        ((0.0,), None, 7),
        ((-0.5,), None, 7),
        ((float("inf"),), None, 7),
        ((), 0, 7),
        ((0.5, 0.25), None, 7),
        ((0.5,), None, 0),
    ],
)
def test_steps_that_two_bytes_cannot_hold_are_refused(
    steps: tuple[float, ...], axis: int | None, most: int
) -> None:
    with pytest.raises(ValueError, match="step"):
        Multiples(steps, axis, most)


def test_steps_lie_along_their_axis() -> None:
    assert Multiples((0.5, 2.0, 4.0), axis=1, most=3).along(4).shape == (1, 3, 1, 1)
    assert Multiples((0.5,), axis=None, most=3).along(2).tolist() == [[0.5]]
