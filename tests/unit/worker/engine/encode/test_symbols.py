"""Matrices of integers come back from their stream exactly."""

from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lathe.errors import CorruptPacked
from lathe.packed.symbols import decode_matrices, decode_symbols
from worker.engine.encode.symbols import Codes, encode_matrices, encode_symbols

FULL = np.iinfo(np.int32)

matrices = hnp.arrays(
    np.int32,
    st.tuples(st.integers(0, 9), st.integers(0, 9)),
    elements=st.one_of(
        st.just(0), st.integers(-1, 1), st.integers(-9, 9), st.integers(FULL.min, FULL.max)
    ),
)
profiles = st.sampled_from(["fast", "small"])


@settings(max_examples=150, deadline=None)
@given(st.lists(matrices, max_size=4), profiles)
def test_every_group_of_matrices_comes_back(
    group: list[Codes], profile: Literal["fast", "small"]
) -> None:
    stream = encode_matrices(group, profile=profile)
    back = decode_matrices(memoryview(stream), [matrix.shape for matrix in group])
    assert len(back) == len(group)
    for was, now in zip(group, back, strict=True):
        assert now.dtype == np.int32
        np.testing.assert_array_equal(was, now)


@pytest.mark.parametrize("shape", [(0, 0), (0, 7), (7, 0)])
def test_a_matrix_without_elements_takes_no_byte(shape: tuple[int, int]) -> None:
    assert encode_symbols(np.zeros(shape, np.int32), profile="small") == b""
    assert decode_symbols(memoryview(b""), *shape).shape == shape


def test_zeros_take_one_byte() -> None:
    assert encode_symbols(np.zeros((30, 40), np.int32), profile="fast") == b"\0"


@pytest.mark.parametrize(
    "stream", [b"", b"\xff", b"\0\0", b"\1", b"\1\0", b"\1\x21\0\0", b"\1\x08\0\0\0\0\0"]
)
def test_a_stream_that_cannot_be_is_refused(stream: bytes) -> None:
    with pytest.raises(CorruptPacked):
        decode_symbols(memoryview(stream), 2, 2)
