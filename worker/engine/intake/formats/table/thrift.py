"""Structs in Thrift's compact protocol, read strictly and as little as is needed.

A struct is a run of fields, each a byte (how far its number is from the last one's, and its
type), then its value; a zero ends it. Numbers are zigzag varints. What a lax reader would
pass over (a field twice, one of another type, a number beyond its type) is refused here, so
that whoever reads the same bytes after us reads the same values.
"""

from collections.abc import Mapping
from enum import IntEnum
from typing import Any


class Kind(IntEnum):
    """Of a field's value."""

    TRUE = 1
    FALSE = 2
    INT32 = 5
    INT64 = 6
    LIST = 9
    STRUCT = 12


Wanted = Mapping[int, Any]  # by a field's number: a Kind, a Wanted, or [a Wanted] of a list
Struct = dict[int, Any]
_MOST_DEPTH = 16
_SIZE_FOLLOWS = 15
_BITS: dict[int, int] = {Kind.INT32: 32, Kind.INT64: 64}


class DamagedStructError(Exception):
    """These bytes are no struct."""


class CutStructError(Exception):
    """The struct goes on behind these bytes."""


def read_struct(data: bytes, wanted: Wanted) -> tuple[Struct, int]:
    """The struct at the front with the fields that are wanted, and its length.

    Raises DamagedStructError and CutStructError.
    """
    try:
        found, at = _struct(data, 0, wanted)
    except IndexError as error:
        raise CutStructError from error
    if at > len(data):
        raise CutStructError
    return found, at


def _struct(data: bytes, at: int, wanted: Wanted) -> tuple[Struct, int]:
    fields: Struct = {}
    number = 0
    while True:
        number, kind, at = _field(data, at, number)
        if not kind:
            return fields, at
        if number not in wanted:
            at = _behind(data, at, kind, 0) if kind > Kind.FALSE else at
        elif number in fields:
            raise DamagedStructError(f"the field {number} comes twice")
        else:
            fields[number], at = _value(data, at, kind, wanted[number])


def _field(data: bytes, at: int, last: int) -> tuple[int, int, int]:
    """Number, type and where the value begins; the type 0 ends a struct."""
    head = data[at]
    kind, step = head & 15, head >> 4
    if step or not kind:
        return last + step, kind, at + 1
    number, at = _varint(data, at + 1, 16)
    return _signed(number), kind, at


def _value(data: bytes, at: int, kind: int, wanted: Any) -> tuple[Any, int]:
    if isinstance(wanted, list) and kind == Kind.LIST:
        return _structs(data, at, wanted[0])
    if isinstance(wanted, dict) and kind == Kind.STRUCT:
        return _struct(data, at, wanted)
    if wanted is Kind.TRUE and kind in {Kind.TRUE, Kind.FALSE}:
        return kind == Kind.TRUE, at
    if wanted == kind and kind in _BITS:
        number, at = _varint(data, at, _BITS[wanted])
        return _signed(number), at
    raise DamagedStructError(f"a field of the type {kind}, which another was expected to be")


def _structs(data: bytes, at: int, wanted: Wanted) -> tuple[list[Struct], int]:
    count, kind, at = _list_head(data, at)
    if count and kind != Kind.STRUCT:
        raise DamagedStructError(f"a list of the type {kind}, which another was expected to be")
    found = []
    for _ in range(count):
        each, at = _struct(data, at, wanted)
        found.append(each)
    return found, at


def _behind(data: bytes, at: int, kind: int, depth: int) -> int:
    """Where the next value begins; a boolean that is a field has no bytes, and is not asked."""
    if depth > _MOST_DEPTH:
        raise DamagedStructError("too many values within values")
    match kind:
        case 1 | 2 | 3:
            at += 1
        case 4 | 5 | 6:
            while data[at] > 127:  # noqa: PLR2004 - the bit that says that more follow
                at += 1
            at += 1
        case 7:
            at += 8
        case 8:
            length, at = _varint(data, at, 32)
            at += length
        case 9 | 10:
            count, inner, at = _list_head(data, at)
            at = _behind_many(data, at, (inner,), count, depth + 1)
        case 11:
            at = _behind_map(data, at, depth + 1)
        case 12:
            at = _behind_struct(data, at, depth + 1)
        case _:
            raise DamagedStructError(f"the type {kind}, which there is not")
    return at


def _behind_struct(data: bytes, at: int, depth: int) -> int:
    while True:
        _, kind, at = _field(data, at, 0)
        if not kind:
            return at
        if kind > Kind.FALSE:
            at = _behind(data, at, kind, depth)


def _behind_map(data: bytes, at: int, depth: int) -> int:
    count, at = _varint(data, at, 32)
    if not count:
        return at
    return _behind_many(data, at + 1, (data[at] >> 4, data[at] & 15), count, depth)


def _behind_many(data: bytes, at: int, kinds: tuple[int, ...], count: int, depth: int) -> int:
    for _ in range(count):
        for kind in kinds:
            at = _behind(data, at, kind, depth)
        if at > len(data):
            raise CutStructError
    return at


def _list_head(data: bytes, at: int) -> tuple[int, int, int]:
    """How many of which type, and where they begin."""
    count, kind = data[at] >> 4, data[at] & 15
    if count != _SIZE_FOLLOWS:
        return count, kind, at + 1
    count, at = _varint(data, at + 1, 32)
    return count, kind, at


def _signed(number: int) -> int:
    return (number >> 1) ^ -(number & 1)


def _varint(data: bytes, at: int, most_bits: int) -> tuple[int, int]:
    value = bits = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << bits
        bits += 7
        if byte < 128:  # noqa: PLR2004 - the bit that says that more follow
            break
        if bits >= most_bits:
            raise DamagedStructError("a number without an end")
    if value >> most_bits:
        raise DamagedStructError(f"a number of more than {most_bits} bits")
    return value, at
