"""Where the columns of a Parquet file lie, by its footer.

pyarrow tells it, too, but ends the process for some damaged footers.
"""

from dataclasses import dataclass
from typing import BinaryIO

from worker.engine.intake.formats.table.thrift import (
    CutStructError,
    DamagedStructError,
    Kind,
    Struct,
    read_struct,
)

_TAIL_BYTES = 8  # how long the footer is, and PAR1
_GROUPS, _COLUMNS, _ROWS, _METADATA = 4, 1, 3, 3
_CODEC, _VALUES, _PACKED, _DATA, _DICTIONARY = 4, 5, 7, 9, 11
_CHUNK = {
    _CODEC: Kind.INT32,
    _VALUES: Kind.INT64,
    _PACKED: Kind.INT64,
    _DATA: Kind.INT64,
    _DICTIONARY: Kind.INT64,
}
_WANTED = {_GROUPS: [{_COLUMNS: [{_METADATA: _CHUNK}], _ROWS: Kind.INT64}]}


class BadParquetError(Exception):
    """A file that must not be read; what its pages do, as half a sentence."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """One column of one row group."""

    begin: int
    end: int
    values: int
    codec: int


@dataclass(frozen=True, slots=True)
class Group:
    """Some rows, with the columns in the order of the schema's leaves."""

    rows: int
    chunks: tuple[Chunk, ...]


def groups(file: BinaryIO, size_bytes: int) -> list[Group]:
    """All of them, within the file. Raises BadParquetError."""
    file.seek(max(0, size_bytes - _TAIL_BYTES))
    length = int.from_bytes(file.read(4), "little")
    file.seek(max(0, size_bytes - _TAIL_BYTES - length))
    try:
        told, _ = read_struct(file.read(length), _WANTED)
        return [
            Group(
                group[_ROWS],
                tuple(_chunk(each[_METADATA], size_bytes) for each in group[_COLUMNS]),
            )
            for group in told[_GROUPS]
        ]
    except (KeyError, CutStructError, DamagedStructError) as error:
        raise BadParquetError(f"are told of by a damaged footer ({error})") from error


def _chunk(told: Struct, size_bytes: int) -> Chunk:
    """From its dictionary on, if that is in front, as Arrow has it."""
    begin, dictionary = told[_DATA], told.get(_DICTIONARY, 0)
    begin = dictionary if 0 < dictionary < begin else begin
    end = begin + told[_PACKED]
    if not 0 <= begin <= end <= size_bytes:
        raise BadParquetError("lie outside of the file")
    return Chunk(begin, end, told[_VALUES], told[_CODEC])
