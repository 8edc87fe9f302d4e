"""Numbers of a few bits each, end to end."""

import numpy as np
import pytest

from lathe.errors import CorruptPacked
from lathe.packed.bits import unpack_bits


def test_the_lowest_bits_come_first() -> None:
    widths = np.array([3, 0, 7, 6], np.uint8)
    # 101, nothing, 0000011, 110000 from the right: 11000000 | 00011101
    assert unpack_bits(memoryview(b"\x1d\xc0"), widths).tolist() == [5, 0, 3, 48]


def test_a_number_may_take_33_bits() -> None:
    data = (1 << 7 | (1 << 39)).to_bytes(5, "little")
    assert unpack_bits(memoryview(data), np.array([7, 33], np.uint8)).tolist() == [
        0,
        (1 << 32) + 1,
    ]


@pytest.mark.parametrize("data", [b"", b"\0", b"\0\0\0"])
def test_the_bytes_must_be_exactly_those(data: bytes) -> None:
    with pytest.raises(CorruptPacked):
        unpack_bits(memoryview(data), np.array([5, 5], np.uint8))
