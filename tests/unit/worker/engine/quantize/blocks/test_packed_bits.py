"""Codes in bytes."""

import numpy as np
import pytest

from worker.engine.quantize.blocks.packed_bits import packed, unpacked


def test_the_first_code_is_in_the_lowest_bits() -> None:
    assert packed(np.array([[1, 2, 3]], np.uint8), 4).tolist() == [[0x21, 0x03]]
    assert packed(np.array([1, 2, 3, 0, 2], np.uint8), 2).tolist() == [0b00111001, 0b10]
    assert packed(np.array([200, 7], np.uint8), 8).tolist() == [200, 7]


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_what_was_packed_comes_back(bits: int) -> None:
    codes = np.random.default_rng(bits).integers(0, 1 << bits, (3, 5, 8)).astype(np.uint8)
    assert np.array_equal(unpacked(packed(codes, bits), bits), codes)
