import random
import struct

import pytest

from tests.unit.worker.engine.intake.formats.parquet_files import delta, varint, zigzag
from worker.engine.intake.formats.table.parquet_delta import greatest, head
from worker.engine.intake.formats.table.parquet_footer import BadParquetError


@pytest.mark.parametrize("count", [1, 2, 32, 33, 128, 129, 130, 1000])
def test_the_greatest_length_is_found_and_where_they_end(count: int) -> None:
    rng = random.Random(count)
    values = [rng.choice((0, 3, rng.randrange(1 << 20))) for _ in range(count)]
    data = delta(values)
    assert greatest(b"??" + data + b"behind", head(b"??" + data, 2, count)) == (
        max(values),
        2 + len(data),
    )


def test_steps_of_three_bits_are_unpacked_lowest_first() -> None:
    steps = [1, 4, 7, 2] + [0] * 28
    bits = sum(step << 3 * number for number, step in enumerate(steps))
    data = varint(128) + varint(4) + varint(5) + zigzag(5)
    data += zigzag(-1) + bytes([3, 0, 0, 0]) + bits.to_bytes(12, "little")
    # 5, then steps of 0, 3, 6 and 1: 5, 8, 14, 15
    assert greatest(data, head(data, 0, 5)) == (15, len(data))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (delta([1] * 9, says=10), "10 numbers for 9 values"),
        (varint(100) + varint(4) + varint(1) + zigzag(1), "odd blocks"),
        (varint(1 << 20) + varint(4) + varint(1) + zigzag(1), "odd blocks"),
        (varint(128) + varint(0) + varint(1) + zigzag(1), "odd blocks"),
        (varint(128) + varint(4), "cut within"),
        (b"\xff" * 30, "cut within"),
    ],
)
def test_what_stands_in_front_is_held_against_the_page(data: bytes, said: str) -> None:
    with pytest.raises(BadParquetError, match=said):
        head(data, 0, 9)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (delta([5, 3, -1, 4]), "negative length"),
        (delta([1 << 31]), "32 bits of length"),
        (delta([0, 9, 1])[:-1], "cut within"),
        (varint(128) + varint(4) + varint(9) + zigzag(0) + zigzag(1 << 40), "beyond 32 bits"),
        (
            varint(128) + varint(4) + varint(9) + zigzag(0) + zigzag(0)
            + bytes([33, 0, 0, 0]) + bytes(132),
            "more than 32 bits",
        ),
        (
            varint(128) + varint(4) + varint(3) + zigzag(0) + zigzag(0)
            + bytes([32, 0, 0, 0]) + struct.pack("<32I", 1 << 31, *[0] * 31),
            "negative length",
        ),
    ],
)  # fmt: skip
def test_lengths_that_no_text_has_are_refused(data: bytes, said: str) -> None:
    with pytest.raises(BadParquetError, match=said):
        greatest(data, head(data, 0, 9))
