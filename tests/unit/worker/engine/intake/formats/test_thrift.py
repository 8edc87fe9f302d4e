import pytest

from tests.unit.worker.engine.intake.formats.parquet_files import Long, thrift
from worker.engine.intake.formats.table.thrift import (
    CutStructError,
    DamagedStructError,
    Kind,
    read_struct,
)

WANTED = {1: Kind.INT32, 3: Kind.INT64, 4: Kind.TRUE, 7: {2: Kind.INT32}, 8: [{1: Kind.INT32}]}
WHOLE = {
    1: -70,
    2: b"left out",
    3: Long(1 << 40),
    4: False,
    5: [b"left", b"out"],
    6: {1: [Long(1)] * 20, 2: True, 9: {1: b""}},
    7: {1: Long(9), 2: 2**31 - 1},
    8: [{1: 1}, {}, {1: 3, 2: True}],
}


def test_wanted_fields_are_read_and_others_passed_over() -> None:
    data = thrift(WHOLE)
    found, length = read_struct(data + b"behind it", WANTED)
    assert found == {1: -70, 3: 1 << 40, 4: False, 7: {2: 2**31 - 1}, 8: [{1: 1}, {}, {1: 3}]}
    assert length == len(data)


def test_a_map_and_a_double_are_passed_over() -> None:
    data = (
        b"\x1b\x02\x85\x01a\x02\x01b\x04" + b"\x17" + bytes(8) + b"\x1b\x00" + b"\x15\x0c\x00"
    )
    assert read_struct(data, {4: Kind.INT32}) == ({4: 6}, len(data))


@pytest.mark.parametrize("length", range(len(thrift(WHOLE))))
def test_a_struct_that_is_cut_anywhere_is_cut(length: int) -> None:
    with pytest.raises(CutStructError):
        read_struct(thrift(WHOLE)[:length], WANTED)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\x15\x02\x05\x02\x02\x00", "field 1 comes twice"),
        (b"\x16\x02\x00", "of the type 6"),
        (b"\x11\x00", "of the type 1"),
        (b"\x15\x80\x80\x80\x80\x20\x00", "more than 32 bits"),
        (b"\x15" + b"\x80" * 9 + b"\x01\x00", "without an end"),
        (b"\x2d\x00", "type 13"),
        (b"\x2c" + b"\x1c" * 40 + bytes(41), "too many values within"),
        (b"\x2a" + b"\x19" * 40 + bytes(41), "too many values within"),
        (b"\x89\x15\x02", "list of the type 5"),
    ],
)
def test_what_a_lax_reader_would_read_otherwise_is_damage(data: bytes, said: str) -> None:
    with pytest.raises(DamagedStructError, match=said):
        read_struct(data, WANTED)
