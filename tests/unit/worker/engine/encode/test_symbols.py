"""Matrices of integers come back from their stream exactly, and small."""

from collections.abc import Callable
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lathe.packed.symbols import Method, decode_matrices, decode_symbols
from worker.engine.encode.huffman import huffman_bytes
from worker.engine.encode.symbols import Codes, encode_matrices, encode_symbols

PROFILES: tuple[Literal["fast", "small"], ...] = ("fast", "small")
FULL = np.iinfo(np.int32)

matrices = hnp.arrays(
    np.int32,
    st.tuples(st.integers(0, 9), st.integers(0, 9)),
    elements=st.one_of(
        st.just(0), st.integers(-1, 1), st.integers(-9, 9), st.integers(FULL.min, FULL.max)
    ),
)


def sparse(seed: int, rows: int, columns: int) -> Codes:
    """A layer after pruning: heavy and light rows and columns, many empty ones."""
    rng = np.random.default_rng(seed)
    busy = rng.pareto(1.2, rows)[:, None] * rng.pareto(1.2, columns)
    there = rng.random((rows, columns)) < np.minimum(0.002 * busy, 0.6)
    values = rng.choice([-3, -2, -1, 1, 1, 2], (rows, columns)).astype(np.int32)
    return np.where(there, values, 0).astype(np.int32)


def round_trip(codes: Codes, profile: Literal["fast", "small"]) -> bytes:
    stream = encode_symbols(codes, profile=profile)
    back = decode_symbols(memoryview(stream), *codes.shape)
    assert back.dtype == np.int32
    np.testing.assert_array_equal(back, codes)
    return stream


@settings(max_examples=40, deadline=None)
@given(st.lists(matrices, max_size=5), st.sampled_from(PROFILES))
def test_every_group_of_matrices_comes_back(
    group: list[Codes], profile: Literal["fast", "small"]
) -> None:
    stream = encode_matrices(group, profile=profile)
    back = decode_matrices(memoryview(stream), [matrix.shape for matrix in group])
    assert len(back) == len(group)
    for was, now in zip(group, back, strict=True):
        assert now.dtype == np.int32
        np.testing.assert_array_equal(was, now)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize(
    "make",
    [
        lambda rng: rng.integers(-127, 128, (20, 30)),
        lambda rng: rng.integers(-1, 2, (30, 20)),
        lambda rng: np.rint(rng.normal(size=(20, 27)) * 40),
        lambda rng: rng.integers(FULL.min, FULL.max, (7, 5), endpoint=True),
        lambda rng: (rng.random((1, 700)) < 0.05) * rng.integers(-9, 9, (1, 700)),
        lambda rng: (rng.random((700, 1)) < 0.05) * 5,
        lambda rng: np.where(rng.random((30, 30)) < 0.02, FULL.min, 0),
    ],
)
def test_every_kind_of_matrix_comes_back(
    make: Callable[[np.random.Generator], Codes], profile: Literal["fast", "small"]
) -> None:
    round_trip(make(np.random.default_rng(3)).astype(np.int32), profile)


@pytest.mark.parametrize("shape", [(0, 0), (0, 7), (7, 0)])
def test_a_matrix_without_elements_takes_no_byte(shape: tuple[int, int]) -> None:
    assert round_trip(np.zeros(shape, np.int32), "small") == b""


def test_four_matrices_of_zeros_take_one_byte() -> None:
    zeros = [np.zeros((30, 40), np.int32)] * 4
    assert encode_matrices(zeros, profile="fast") == b"\0"
    assert encode_matrices([*zeros, zeros[0]], profile="small") == b"\0\0"


def test_a_sparse_layer_is_smaller_the_more_is_learned() -> None:
    codes = sparse(0, 80, 150)
    fast, small = round_trip(codes, "fast"), round_trip(codes, "small")
    assert len(small) < len(fast) < 0.95 * huffman_bytes(codes)


def test_independent_codes_take_their_entropy() -> None:
    rng = np.random.default_rng(1)
    codes = rng.choice([-1, 0, 1, 2], (100, 1000), p=[0.1, 0.7, 0.15, 0.05]).astype(np.int32)
    entropy_bytes = (
        100_000 * (0.1 * 3.32193 + 0.7 * 0.51457 + 0.15 * 2.73697 + 0.05 * 4.32193) / 8
    )
    stream = encode_symbols(codes, profile="fast")
    assert stream[0] == Method.RANGED
    assert len(stream) < 1.01 * entropy_bytes


def test_neighbours_in_an_image_tell() -> None:
    rng = np.random.default_rng(2)
    y, x = np.mgrid[:12, :12]
    spots = [
        np.exp(-((y - a) ** 2 + (x - b) ** 2) / 6) for a, b in rng.integers(2, 10, (30, 2))
    ]
    codes = (rng.random((30, 144)) < np.array(spots).reshape(30, 144)).astype(np.int32)
    shuffled = len(round_trip(codes[:, rng.permutation(144)], "small"))
    assert len(round_trip(codes, "small")) < 0.85 * shuffled
    assert len(round_trip(codes.T.copy(), "small")) < 0.85 * shuffled


def test_layers_that_share_a_stream_share_what_is_dead() -> None:
    rng = np.random.default_rng(4)
    alive = rng.random(200) < 0.5
    first: Codes = (rng.random((200, 9)) < 0.6 * alive[:, None]).astype(np.int32)
    second: Codes = (rng.random((9, 200)) < 0.6 * alive).astype(np.int32)
    together = encode_matrices([first, second], profile="small")
    apart = [encode_symbols(codes, profile="small") for codes in (first, second)]
    assert len(together) <= len(apart[0]) + len(apart[1]) - 15  # 200 bits of the mask


def test_small_is_never_larger_than_fast() -> None:
    for codes in (sparse(7, 30, 30), np.arange(-60, 60, dtype=np.int32).reshape(8, 15)):
        assert len(round_trip(codes, "small")) <= len(round_trip(codes, "fast"))
