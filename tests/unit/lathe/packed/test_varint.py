"""Natural numbers of 7 bits a byte."""

import pytest

from lathe.errors import CorruptPacked
from lathe.packed.varint import read_varint


def test_the_lowest_seven_bits_come_first() -> None:
    assert read_varint(memoryview(b"\x09\xac\x02\x01"), 1) == (300, 3)


@pytest.mark.parametrize("data", [b"", b"\x80", b"\xff\xff\xff\xff\xff\x01"])
def test_a_number_without_an_end_is_refused(data: bytes) -> None:
    with pytest.raises(CorruptPacked):
        read_varint(memoryview(data), 0)
