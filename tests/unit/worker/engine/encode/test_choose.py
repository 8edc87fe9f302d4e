"""Which coding a tensor gets, and that every bit of it comes back."""

import io
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper

from lathe.packed import Limits, unpack
from lathe.packed.head.plan import Codebook, Constant, Grid, Integers, Planes, Spelled, Stored
from lathe.packed.unpack import unpack_into
from tests.fuzz.crafted import plainly_packed
from worker.engine.checkpoint import Multiples
from worker.engine.encode import head_tokens
from worker.engine.encode.choice import Choice
from worker.engine.encode.choose import choose
from worker.engine.encode.pack import pack

RNG = np.random.default_rng(5)


def coded(values: NDArray[np.generic], data_type: int, hint: Multiples | None = None) -> Choice:
    return choose(memoryview(values.tobytes()), data_type, values.shape, hint)


def comes_back(tensor: TensorProto) -> bool:
    model = ModelProto()
    model.graph.initializer.append(tensor)
    data, back = model.SerializeToString(), io.BytesIO()
    unpack_into(plainly_packed(data), back, Limits())
    return back.getvalue() == data


def tensor(data_type: int, dims: tuple[int, ...], data: bytes) -> TensorProto:
    return TensorProto(data_type=data_type, dims=dims, raw_data=data)


def grid(rows: int, columns: int, spread: float = 0.6) -> NDArray[np.float32]:
    return np.rint(RNG.laplace(0, spread, (rows, columns))).astype(np.float32) + np.float32(0)


def test_multiples_of_one_step_are_a_grid_of_two_bytes_a_step() -> None:
    codes = grid(30, 40)
    choice = coded(codes * np.float32(0.15625), TensorProto.FLOAT)
    assert isinstance(choice.plan, Grid)
    # 0.15625 = 1.25 / 8: 0 01111100 0100...
    assert (choice.plan.steps, choice.plan.axis, choice.plan.kept) == ((0x3E200000,), None, 2)
    assert np.array_equal(choice.matrices[0], codes)


def test_a_step_for_each_column_is_found_and_the_steps_are_symbols() -> None:
    steps = np.array([0.51, 0.23, 0.97, 3.1, 0.77, 1.53, 0.11], np.float32)
    codes = grid(90, 7, 3)
    choice = coded(codes * steps, TensorProto.FLOAT)
    assert isinstance(choice.plan, Grid)
    assert (choice.plan.axis, choice.plan.steps) == (1, None)
    assert np.array_equal(choice.matrices[0], codes)


def test_a_hint_finds_a_grid_on_which_the_smallest_value_is_no_step() -> None:
    codes = grid(20, 20) * 6 + 35  # all far from 1
    hint = Multiples((0.0625,), None, 100)
    choice = coded(codes * np.float32(0.0625), TensorProto.FLOAT, hint)
    assert isinstance(choice.plan, Grid)
    assert choice.matrices[0].min() == codes.min()


def test_a_wrong_hint_changes_nothing_but_the_size() -> None:
    values = RNG.standard_normal((20, 20)).astype(np.float32)
    choice = coded(values, TensorProto.FLOAT, Multiples((0.5,), None, 3))
    assert isinstance(choice.plan, Planes | Stored)


def test_few_values_are_a_codebook_whose_commonest_is_zero() -> None:
    table = np.array([-0.71, 0, 0.33, 0.92], np.float32)
    places = RNG.choice(4, (60, 50), p=[0.1, 0.7, 0.15, 0.05])
    choice = coded(table[places], TensorProto.FLOAT)
    assert isinstance(choice.plan, Codebook)
    assert (choice.plan.entries, choice.plan.zero, choice.plan.kept) == (4, 1, 4)
    assert np.array_equal(choice.matrices[0], places - 1)


def test_integers_are_symbols_around_their_commonest() -> None:
    values = (128 + np.rint(RNG.laplace(0, 2, (40, 40)))).astype(np.uint8)
    choice = coded(values, TensorProto.UINT8)
    assert isinstance(choice.plan, Integers)
    assert choice.plan.offset == 128
    assert np.array_equal(choice.matrices[0], values.astype(int) - 128)


def test_small_and_constant_tensors_take_a_few_bytes_of_the_head() -> None:
    shape = np.array([-1, 800], np.int64)
    assert coded(shape, TensorProto.INT64).plan == Spelled(shape.tobytes())
    ones = coded(np.full((9, 9), -0.0, np.float32), TensorProto.FLOAT)
    assert ones.plan == Constant(b"\0\0\0\x80")
    assert coded(np.zeros((0, 4), np.float32), TensorProto.FLOAT).plan == Stored()


def test_dense_floats_lose_the_bits_that_their_exponents_waste() -> None:
    values = RNG.standard_normal((200, 100)).astype(np.float32)
    choice = coded(values, TensorProto.FLOAT)
    assert isinstance(choice.plan, Planes)
    assert choice.size_bytes < 0.87 * values.nbytes  # 8 bits of exponent hold fewer than 3


ODD = np.array(
    [0x00000000, 0x80000000, 0x7FC00001, 0xFF800000, 0x7F800000, 1, 0x80000001, 0x3F800000],
    np.uint32,
)


@pytest.mark.parametrize(
    ("data_type", "dims", "data"),
    [
        (1, (8, 32), np.tile(ODD, 32).tobytes()),
        (1, (256,), RNG.choice(ODD, 256).tobytes()),
        (1, (50, 20), (grid(50, 20) * np.float32(-0.1)).tobytes()),
        (1, (3, 4, 5, 6), (grid(12, 30) * np.float32(0.3)).tobytes()),
        (1, (1, 40, 9), (grid(40, 9) * np.float32(0.3)).tobytes()),
        (10, (40, 5), RNG.standard_normal((40, 5)).astype(np.float16).tobytes()),
        (10, (40, 5), (grid(40, 5) * np.float32(0.1)).astype(np.float16).tobytes()),
        (11, (40, 5), RNG.standard_normal((40, 5)).tobytes()),
        (16, (40, 5), RNG.integers(0, 2**16, 200, np.uint16).tobytes()),
        (22, (11, 3), RNG.bytes(16) + b"\x07"),  # 33 int4: half of the last byte is empty
        (22, (11, 3), RNG.bytes(16) + b"\xf7"),  # and here it is not
        (21, (40, 6), RNG.bytes(120)),
        (25, (40, 6), RNG.bytes(60)),
        (3, (40, 6), RNG.integers(-8, 8, 240, np.int8).tobytes()),
        (7, (30,), RNG.integers(-(2**63), 2**63 - 1, 30, np.int64).tobytes()),
        (13, (30,), np.full(30, 2**64 - 1, np.uint64).tobytes()[:-8] + bytes(8)),
        (15, (30,), RNG.bytes(480)),
        (15, (30,), 30 * b"sixteen bytes, -"),
        (9, (99,), RNG.integers(0, 2, 99, np.uint8).tobytes()),
    ],
    ids=range(19),
)
def test_every_bit_comes_back(data_type: int, dims: tuple[int, ...], data: bytes) -> None:
    assert comes_back(tensor(data_type, dims, data))


def test_data_that_does_not_fit_its_shape_comes_back_too() -> None:
    assert comes_back(tensor(1, (2, 3), bytes(23)))
    assert comes_back(tensor(1, (-1,), bytes(8)))
    assert comes_back(tensor(99, (2,), bytes(8)))
    typed = helper.make_tensor("t", 1, (400,), RNG.standard_normal(400))
    assert comes_back(typed)


def test_a_large_tensor_comes_in_pieces_with_the_steps_of_each(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(head_tokens, "MOST_PIECE", 100)
    codes = grid(25, 30, 2)
    steps = (RNG.integers(1, 99, 25) / np.float32(64)).astype(np.float32)
    model = ModelProto()
    model.graph.initializer.append(tensor(1, (25, 30), (codes * steps[:, None]).tobytes()))
    model.graph.initializer[0].name = "w"
    model.graph.initializer.append(tensor(22, (7, 63), RNG.bytes(221)))
    model.graph.initializer.append(tensor(22, (8, 63), RNG.bytes(252)))
    model.graph.initializer.append(tensor(7, (450,), RNG.bytes(3600)))
    source, packed = tmp_path / "a.onnx", tmp_path / "a.packed"
    source.write_bytes(model.SerializeToString())
    hints = {"w": Multiples(tuple(steps.tolist()), 0, 99)}
    report = pack(source, packed, hints=hints, profile="fast")
    assert [(t.name, t.coding, t.onnx_bytes) for t in report.tensors[:1]] == [
        ("w", "grid", 3000)
    ]
    # 3 rows of 30 a piece; int4: 7 x 63 are no whole bytes, then 2 rows; 100 of 450
    assert len(report.tensors) == 1 + 1 + 4 + 5
    assert unpack(packed, tmp_path / "b.onnx") == len(source.read_bytes())


def test_a_tensor_that_comes_again_is_stored_once() -> None:
    data = RNG.bytes(4000)
    model = ModelProto()
    for _ in range(3):
        model.graph.initializer.append(tensor(1, (1000,), data))
    once = ModelProto()
    once.graph.initializer.append(tensor(1, (1000,), data))
    more = len(plainly_packed(model.SerializeToString()))
    assert more - len(plainly_packed(once.SerializeToString())) < 30
    back = io.BytesIO()
    unpack_into(plainly_packed(model.SerializeToString()), back, Limits())
    assert back.getvalue() == model.SerializeToString()
