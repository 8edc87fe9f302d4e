"""What only a page's content tells: the longest text of a dictionary, and how many numbers and
how long texts a delta encoding claims. Arrow makes room for them before it finds them.

A dictionary is lengths of four bytes, each with its text. The content of a data page is
repetition levels, definition levels and values; all delta encodings begin with numbers in
DELTA_BINARY_PACKED, which are lengths in DELTA_LENGTH_BYTE_ARRAY, and in DELTA_BYTE_ARRAY how
much of the text before each takes over, behind which are the lengths of the rest.
"""

import struct
from typing import BinaryIO

import pyarrow as pa

from worker.engine.intake.formats.table.parquet_delta import greatest, head
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
_LENGTH = struct.Struct("<I")


def longest_of(file: BinaryIO, page: Page, codec: int) -> int:
    """The longest text of a dictionary's page, in bytes. Raises BadParquetError."""
    content = _content(file, page, codec)
    if content is None:
        return page.unpacked_bytes
    length_at, at, longest = _LENGTH.unpack_from, 0, 0
    try:
        for _ in range(page.values):
            (length,) = length_at(content, at)
            at += 4 + length
            longest = max(longest, length)
    except struct.error as error:
        raise BadParquetError("have a dictionary that is cut") from error
    if at > len(content):
        raise BadParquetError("have a dictionary that is cut")
    return longest


def longest_of_deltas(file: BinaryIO, page: Page, codec: int, levels: tuple[int, int]) -> int:
    """The longest text that the page may hold beyond its own bytes, or 0.

    `levels` are the greatest of repetition and definition. Raises BadParquetError where more
    is counted than the page has values.
    """
    content = _content(file, page, codec)
    if content is None:
        raise BadParquetError("are in a delta encoding behind an old packing; use ZSTD")
    at = 0 if page.kind is PageKind.DATA_V2 else _behind_levels(content, levels)
    first = head(content, at, page.values)
    if page.encoding != DELTA_TEXTS:
        return 0
    shared, at = greatest(content, first)
    own, _ = greatest(content, head(content, at, page.values))
    if max(shared, own) > len(
        content
    ):  # a text is made of what all before it have of their own
        raise BadParquetError("have texts that are longer than they are")
    return shared + own


def _behind_levels(content: bytes, levels: tuple[int, int]) -> int:
    at = 0
    for level in levels:
        if level and at + 4 > len(content):
            raise BadParquetError("are cut within their levels")
        at += 4 + _LENGTH.unpack_from(content, at)[0] if level else 0
    return at


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
