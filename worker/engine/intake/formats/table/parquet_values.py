"""What only a page's content tells: the longest text of a dictionary, and how many numbers a
delta encoding claims. Arrow makes room for both before it finds them.

The content of a data page is repetition levels, definition levels, and values (data-pages and
encodings in the format's specification). DELTA_BINARY_PACKED, with which all delta encodings
begin, has in front of it: numbers of a block, miniblocks of a block, numbers in all, the first.
"""

import struct
from typing import BinaryIO

import pyarrow as pa

from worker.engine.intake.formats.table.parquet_footer import BadParquetError
from worker.engine.intake.formats.table.parquet_pages import Page, PageKind

PLAIN, PLAIN_DICTIONARY, DELTA_NUMBERS, DELTA_LENGTHS, DELTA_TEXTS, RLE_DICTIONARY = (
    0,
    2,
    5,
    6,
    7,
    8,
)
DICTIONARY_ENCODINGS = {PLAIN_DICTIONARY, RLE_DICTIONARY}
DELTA_ENCODINGS = {DELTA_NUMBERS, DELTA_LENGTHS, DELTA_TEXTS}
_UNPACKED = 0
_CODECS = {1: "snappy", 2: "gzip", 4: "brotli", 6: "zstd", 7: "lz4_raw"}  # by the format
_MOST_BLOCK = 1 << 16  # numbers; writers take 128
_LENGTH = struct.Struct("<I")


def longest_text(file: BinaryIO, page: Page, codec: int) -> int:
    """Of a dictionary's page, in bytes: four of a length, then as many, and so on."""
    content = _content(file, page, codec)
    if content is None:
        return page.unpacked_bytes
    at = longest = 0
    try:
        for _ in range(page.values):
            length = _LENGTH.unpack_from(content, at)[0]
            longest = max(length, longest)
            at += 4 + length
    except struct.error as error:
        raise BadParquetError("have a dictionary that is cut") from error
    if at > len(content):
        raise BadParquetError("have a dictionary that is cut")
    return longest


def check_delta(file: BinaryIO, page: Page, codec: int, levels: tuple[int, int]) -> None:
    """Raises BadParquetError where a delta encoding counts more than the page has values.

    `levels` are the greatest of repetition and definition.
    """
    content = _content(file, page, codec)
    if content is None:
        raise BadParquetError("are in a delta encoding behind an old packing; use ZSTD")
    at = 0
    try:
        if page.kind is PageKind.DATA:
            for greatest in levels:
                at += 4 + _LENGTH.unpack_from(content, at)[0] if greatest else 0
        at = _numbers(content, at, page.values)
        if page.encoding == DELTA_TEXTS:
            _numbers(content, at, page.values)
    except (struct.error, IndexError) as error:
        raise BadParquetError("are cut within a delta encoding") from error


def _content(file: BinaryIO, page: Page, codec: int) -> bytes | None:
    """Without the levels of a page of the second kind; None for the old LZ4."""
    levels = page.level_bytes
    file.seek(page.at + levels)
    packed = file.read(page.packed_bytes - levels)
    if codec == _UNPACKED or not page.packed:
        return packed
    if codec not in _CODECS:
        return None
    room = page.unpacked_bytes - levels
    found: bytes = pa.decompress(packed, room, _CODECS[codec], asbytes=True) if room else b""
    return found


def _numbers(content: bytes, at: int, most: int) -> int:
    """Where the numbers that begin at `at` end; at most so many of them."""
    block, at = _varint(content, at)
    miniblocks, at = _varint(content, at)
    count, at = _varint(content, at)
    at = _varint(content, at)[1]
    if not 0 < miniblocks <= block <= _MOST_BLOCK or block % (32 * miniblocks):
        raise BadParquetError("are in a delta encoding of odd blocks")
    if count > most:
        raise BadParquetError(f"are in a delta encoding of {count} numbers for {most} values")
    left, of_each = count - 1, block // miniblocks
    while left > 0:
        at = _varint(content, at)[1]
        widths = content[at : at + miniblocks]
        at += miniblocks
        for width in widths:
            if left > 0:
                at += width * of_each // 8
                left -= of_each
        if at > len(content):
            raise IndexError
    return at


def _varint(content: bytes, at: int) -> tuple[int, int]:
    value = bits = 0
    while True:
        byte = content[at]
        value |= (byte & 127) << bits
        at, bits = at + 1, bits + 7
        if byte < 128 or bits > 70:  # noqa: PLR2004 - the bit that says that more follow
            return value, at
