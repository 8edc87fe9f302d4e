"""What the pages of a Parquet file claim, read before Arrow believes it.

A column chunk is a run of pages, each behind a PageHeader in Thrift's compact protocol
(parquet.thrift of the format's specification). Arrow reads them from the dictionary's page or
the first data page on, until their values are as many as the footer says, and allocates what
a header asks for. So the same headers are walked here, over the same bytes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import BinaryIO

from worker.engine.intake.formats.table.parquet_footer import BadParquetError, Chunk
from worker.engine.intake.formats.table.thrift import (
    CutStructError,
    DamagedStructError,
    Kind,
    Struct,
    read_struct,
)

MOST_RATIO = 200  # of what comes out over the file, as in an archive
FREE_PAGE_BYTES = 8 << 20  # any page may unfold to this; writers aim at one MiB
MOST_PAGE_BYTES = 512 << 20  # a thousand pictures of half a megabyte, which some put in a page
_HEADER_BYTES = (1 << 9, 1 << 14, 1 << 20)  # ever more are tried; it may hold two values
_PADDING_BYTES = 100  # by which a chunk of old writers may be longer than the footer says
_OWN = {0: 5, 2: 7, 3: 8}  # the field of a kind's own header
_WANTED = {
    1: Kind.INT32,
    2: Kind.INT32,
    3: Kind.INT32,
    5: {1: Kind.INT32, 2: Kind.INT32},
    7: {1: Kind.INT32, 2: Kind.INT32},
    8: {1: Kind.INT32, 4: Kind.INT32, 5: Kind.INT32, 6: Kind.INT32, 7: Kind.TRUE},
}


class PageKind(IntEnum):
    """By their numbers in the format."""

    DATA = 0
    INDEX = 1
    DICTIONARY = 2
    DATA_V2 = 3


@dataclass(frozen=True, slots=True)
class Page:
    """One page: its content of `packed_bytes` at `at`, of which the first `level_bytes` tell
    repetitions and gaps where it is of the second kind, and are never packed."""

    kind: PageKind
    at: int
    packed_bytes: int
    unpacked_bytes: int
    values: int = 0
    encoding: int = -1
    level_bytes: int = 0
    packed: bool = True


def pages(file: BinaryIO, size_bytes: int, chunk: Chunk) -> Iterator[Page]:
    """Those that Arrow would read. Raises BadParquetError."""
    at, seen = chunk.begin, 0
    end = min(chunk.end + _PADDING_BYTES, size_bytes)
    while seen < chunk.values and at < end:
        header, length = _header(file, at, end)
        page = _page(header, at + length)
        _check(page, end)
        if page.kind in {PageKind.DATA, PageKind.DATA_V2}:
            seen += page.values
        at = page.at + page.packed_bytes
        yield page
    if seen != chunk.values:
        raise BadParquetError(f"hold {seen} values, and the footer says {chunk.values}")


def _header(file: BinaryIO, at: int, end: int) -> tuple[Struct, int]:
    for size in _HEADER_BYTES:
        file.seek(at)
        try:
            return read_struct(file.read(min(size, end - at)), _WANTED)
        except CutStructError:
            continue
        except DamagedStructError as error:
            raise BadParquetError(f"have a damaged header ({error})") from error
    raise BadParquetError("have a header without an end")


def _page(header: Struct, at: int) -> Page:
    try:
        kind, unpacked, packed = PageKind(header[1]), header[2], header[3]
        if kind is PageKind.INDEX:
            return Page(kind, at, packed, unpacked)
        own = header[_OWN[kind]]
        if kind is not PageKind.DATA_V2:
            return Page(kind, at, packed, unpacked, own[1], own[2])
        levels = own[5] + own[6] if min(own[5], own[6]) >= 0 else -1
        return Page(kind, at, packed, unpacked, own[1], own[4], levels, own.get(7, True))
    except (KeyError, ValueError) as error:
        raise BadParquetError("have a damaged header (something is missing)") from error


def _check(page: Page, end: int) -> None:
    counted = page.packed_bytes, page.unpacked_bytes, page.values, page.level_bytes
    if min(counted) < 0:
        raise BadParquetError("have a damaged header (a number is negative)")
    if page.at + page.packed_bytes > end:
        raise BadParquetError("are longer than their column")
    if page.unpacked_bytes > MOST_PAGE_BYTES:
        raise BadParquetError(
            f"say that one unfolds to {page.unpacked_bytes} bytes; "
            f"{MOST_PAGE_BYTES} are allowed"
        )
    if page.unpacked_bytes > max(FREE_PAGE_BYTES, MOST_RATIO * page.packed_bytes):
        raise BadParquetError(
            f"say that one of {page.packed_bytes} bytes unfolds to {page.unpacked_bytes}, "
            f"more than {MOST_RATIO} times as many"
        )
    if page.level_bytes > min(page.packed_bytes, page.unpacked_bytes):
        raise BadParquetError("have more levels than content")
