"""Parquet files written page by page, so that a header may say what no writer would."""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import pyarrow as pa

INT32, INT64, BYTES, FIXED = 1, 2, 6, 7  # physical types
PLAIN, RLE, DELTA_LENGTHS, DELTA_TEXTS, BY_DICTIONARY = 0, 3, 6, 7, 8
REQUIRED, OPTIONAL, REPEATED = 0, 1, 2
_CODECS = {0: None, 1: "snappy", 6: "zstd"}
_UTF8, _DECIMAL = 0, 5


class Long(int):
    """A number of 64 bits."""


def thrift(fields: Mapping[int, object]) -> bytes:
    """A struct in Thrift's compact protocol, by the numbers of its fields."""
    parts, last = [], 0
    for number, value in fields.items():
        kind, content = _value(value)
        parts.append(bytes([(number - last) << 4 | kind]) + content)
        last = number
    return b"".join(parts) + b"\0"


def varint(number: int) -> bytes:
    """Seven bits a byte, the lowest first."""
    low = bytes([number & 127 | (128 if number > 127 else 0)])
    return low + varint(number >> 7) if number > 127 else low


def zigzag(number: int) -> bytes:
    """A signed one."""
    return varint(number << 1 if number >= 0 else ~number << 1 | 1)


def _value(value: object) -> tuple[int, bytes]:
    match value:
        case bool():
            return 1 if value else 2, b""
        case Long():
            return 6, zigzag(value)
        case int():
            return 5, zigzag(value)
        case bytes():
            return 8, varint(len(value)) + value
        case Mapping():
            return 12, thrift(value)
        case Sequence():
            each = [_value(one) for one in value]
            kind = each[0][0] if each else 12
            return 9, bytes([15 << 4 | kind]) + varint(len(each)) + b"".join(c for _, c in each)
    raise TypeError(value)


def page(
    content: bytes,
    values: int,
    *,
    encoding: int = PLAIN,
    dictionary: bool = False,
    codec: int = 0,
    says: Mapping[int, object] | None = None,
) -> bytes:
    """One page with its header, in which `says` stands for what is true."""
    name = _CODECS[codec]
    packed = pa.compress(content, name, asbytes=True) if name else content
    own = {1: values, 2: encoding} if dictionary else {1: values, 2: encoding, 3: RLE, 4: RLE}
    header: dict[int, object] = {1: 2 if dictionary else 0, 2: len(content), 3: len(packed)}
    header |= {7 if dictionary else 5: own}
    return thrift(dict(sorted((header | dict(says or {})).items()))) + packed


@dataclass(frozen=True, slots=True)
class Written:
    """A column of one row group: its pages, the dictionary's first."""

    physical: int
    values: int
    pages: tuple[bytes, ...]
    codec: int = 0
    repetition: int = REQUIRED
    length: int | None = None
    text: bool = False
    decimal: bool = False
    says: Mapping[int, object] | None = None


def parquet_file(
    columns: Mapping[str, Written], rows: int, left_out: tuple[str, ...] = ()
) -> bytes:
    """One row group of these columns, but for those that only the schema has."""
    content, schema, chunks = b"PAR1", [{4: b"schema", 5: len(columns)}], []
    for name, each in columns.items():
        element = {1: each.physical, 2: each.length, 3: each.repetition, 4: name.encode()}
        element |= {6: _UTF8} if each.text else {}
        element |= {6: _DECIMAL, 7: 0, 8: 9} if each.decimal else {}
        schema.append({key: value for key, value in element.items() if value is not None})
        size, begin = sum(map(len, each.pages)), len(content)
        content += b"".join(each.pages)
        told: dict[int, object] = {1: each.physical, 2: [PLAIN], 3: [name.encode()]}
        told |= {4: each.codec, 5: Long(each.values), 6: Long(size), 7: Long(size)}
        told |= {9: Long(begin)} | dict(each.says or {})
        if name not in left_out:
            chunks.append({2: Long(begin), 3: dict(sorted(told.items()))})
    group = {1: chunks, 2: Long(len(content)), 3: Long(rows)}
    footer = thrift({1: 1, 2: schema, 3: Long(rows), 4: [group]})
    return content + footer + struct.pack("<I", len(footer)) + b"PAR1"


def run(value: int, count: int, bits: int) -> bytes:
    """One number many times in the hybrid encoding of levels and indices."""
    return varint(count << 1) + value.to_bytes((bits + 7) // 8, "little")


def levels(*runs: bytes) -> bytes:
    """With their length in front, as in a page of the first kind."""
    content = b"".join(runs)
    return struct.pack("<I", len(content)) + content


def texts(*each: bytes) -> bytes:
    """In the plain encoding."""
    return b"".join(struct.pack("<I", len(one)) + one for one in each)


def delta(values: Sequence[int], says: int | None = None) -> bytes:
    """In blocks of 128 and miniblocks of 32, of no bits where all steps are alike, else of 32;
    `says` is a count that stands for the true one."""
    content = varint(128) + varint(4) + varint(says or len(values)) + zigzag(values[0])
    steps = [after - before for before, after in pairwise(values)]
    for start in range(0, len(steps), 128):
        block = steps[start : start + 128]
        low = min(block)
        many = [[step - low for step in block[at : at + 32]] for at in range(0, 128, 32)]
        content += zigzag(low) + bytes(32 if any(mini) else 0 for mini in many)
        for mini in many:
            content += struct.pack("<32I", *mini, *[0] * (32 - len(mini))) if any(mini) else b""
    return content


def numbers(count: int) -> Written:
    """A column of numbers, all 0, as a writer packs it."""
    content = bytes([1]) + run(0, count, 1)
    pages = (
        page(struct.pack("<q", 0), 1, dictionary=True),
        page(content, count, encoding=BY_DICTIONARY),
    )
    return Written(INT64, count, pages)
