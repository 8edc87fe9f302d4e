"""How far a Parquet file unfolds, by its footer and the headers of its pages, before a value
is read; and how many rows may be read at once.

What is counted is what Arrow holds: numbers and lists of numbers by how many there are, texts
and pictures by their pages. Two things the headers do not tell: how often a text of a
dictionary comes, and how much of the text before it one takes over (DELTA_BYTE_ARRAY). There
the longest possible one bounds the rows that are read at once, and what comes out is counted.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import BinaryIO

import pyarrow.parquet as pq

from lathe.errors import NotADataset
from worker.engine.intake.formats.table.parquet_footer import (
    BadParquetError,
    Chunk,
    Group,
    groups,
)
from worker.engine.intake.formats.table.parquet_pages import (
    MOST_RATIO,
    Page,
    PageKind,
    pages,
)
from worker.engine.intake.formats.table.parquet_values import (
    DELTA_ENCODINGS,
    DICTIONARY_ENCODINGS,
    longest_of,
    longest_of_deltas,
)

FREE_BYTES = (
    64 << 20
)  # up to here any ratio is harmless: a column of one value packs to nothing
BATCH_BYTES = 4 << 20
AT_ONCE_BYTES = 32 << 20  # where rows may be of very different lengths
MOST_ROWS = 8192  # of a batch
MOST_BATCHES = 2048  # each takes its time; more for a file of more than 512 KiB
_BYTES_OF_A_BATCH = 256
_ROW_BYTES = 4
_ENTRY_BYTES = 64  # each text of a dictionary takes its time
_LEVELS_BYTES = 4  # of each number in a list
_MOST_NUMBER_BYTES = 32  # a decimal of 256 bits
_PHYSICAL_BYTES = {"BOOLEAN": 1, "INT32": 4, "INT64": 8, "INT96": 12, "FLOAT": 4, "DOUBLE": 8}
_TEXTS = "BYTE_ARRAY"
_LENGTH_BYTES = 4  # in front of each text


@dataclass(frozen=True, slots=True)
class Leaf:
    """A column as Parquet has it: every value counts as `value_bytes` at least, and is stored
    in `stored_bytes`. `levels` are the greatest of repetition and of definition."""

    name: str
    index: int
    value_bytes: int
    stored_bytes: int
    texts: bool
    levels: tuple[int, int]


def leaves_of(schema: pq.ParquetSchema, columns: Mapping[str, int]) -> list[Leaf]:
    """Those at or below these paths, by what a value of each counts as at least."""
    found = []
    for index in range(len(schema)):
        column = schema.column(index)
        levels = column.max_repetition_level, column.max_definition_level
        kind = column.physical_type
        stored = _LENGTH_BYTES if kind == _TEXTS else _PHYSICAL_BYTES.get(kind, column.length)
        found += [
            Leaf(path, index, value_bytes, stored, kind == _TEXTS, levels)
            for path, value_bytes in columns.items()
            if column.path == path or column.path.startswith(f"{path}.")
        ]
    return found


def rows_at_once(table: str, file: BinaryIO, size_bytes: int, leaves: Sequence[Leaf]) -> int:
    """Of `table`, as sentences call it. Raises NotADataset where it must not be read."""
    claims = _Claims(table, file, size_bytes)
    claims.walk(leaves)
    check_ratio(table, claims.unfolded_bytes, size_bytes)
    claims.look()
    return claims.batch()


def check_ratio(table: str, unfolded_bytes: int, size_bytes: int) -> None:
    """Raises NotADataset for what unfolds too far."""
    if unfolded_bytes > max(FREE_BYTES, MOST_RATIO * size_bytes):
        raise NotADataset(
            f"{table} unfolds to more than {MOST_RATIO} times its size; leave out rows or "
            "columns that say nothing"
        )


@dataclass(slots=True)
class _Claims:
    table: str
    file: BinaryIO
    size_bytes: int
    rows: int = 0
    unfolded_bytes: int = 0
    packed_bytes: int = 0
    most_rows: int = MOST_ROWS
    bounded_by: str = ""  # the column that lets so few rows be read at once
    _unseen: list[tuple[Leaf, int, Page]] = field(default_factory=list)

    def walk(self, leaves: Sequence[Leaf]) -> None:
        """Through the headers of all pages."""
        with self._refusing("columns"):
            told = groups(self.file, self.size_bytes)
        for group in told:
            self._take(group, leaves)

    def _take(self, group: Group, leaves: Sequence[Leaf]) -> None:
        counted = {}
        for leaf in leaves:
            with self._refusing(f"column {leaf.name!r}"):
                counted[leaf.name] = self._chunk(leaf, group)
        unfolded = sum(counted.values()) + _ROW_BYTES * group.rows
        self.rows += group.rows
        self.unfolded_bytes += unfolded
        if group.rows:
            widest = max(counted, key=counted.__getitem__, default="")
            self._bound(AT_ONCE_BYTES * group.rows // unfolded, widest)

    def look(self) -> None:
        """Into the pages whose headers do not say enough."""
        for leaf, codec, page in self._unseen:
            with self._refusing(f"column {leaf.name!r}"):
                if page.kind is PageKind.DICTIONARY:
                    longest = longest_of(self.file, page, codec)
                else:
                    longest = longest_of_deltas(self.file, page, codec, leaf.levels)
            self._bound(AT_ONCE_BYTES // max(1, longest), leaf.name)

    def batch(self) -> int:
        """How many rows to read at once."""
        most_batches = max(MOST_BATCHES, self.size_bytes // _BYTES_OF_A_BATCH)
        if self.bounded_by and self.rows > self.most_rows * most_batches:
            raise NotADataset(
                f"{self.table} can only be read {self.most_rows} rows at a time, for values of "
                f"its column {self.bounded_by!r} may be far larger than others; write it "
                "without a dictionary, or leave the large ones out"
            )
        usual = BATCH_BYTES * self.rows // max(1, self.unfolded_bytes)
        return max(1, min(self.most_rows, usual))

    def _bound(self, rows: int, column: str) -> None:
        if rows < self.most_rows:
            self.most_rows, self.bounded_by = max(1, rows), column

    def _chunk(self, leaf: Leaf, group: Group) -> int:
        """What one column of the group unfolds to."""
        if leaf.index >= len(group.chunks):
            raise BadParquetError("are not in every row group")
        chunk = group.chunks[leaf.index]
        self.packed_bytes += chunk.end - chunk.begin
        if self.packed_bytes > self.size_bytes:
            raise BadParquetError("lie over those of other columns")
        _check_chunk(leaf, chunk, group.rows)
        unpacked = entries = 0
        dictionaries, named = list[Page](), False
        for page in pages(self.file, self.size_bytes, chunk):
            unpacked += page.unpacked_bytes
            if page.kind is PageKind.DICTIONARY:
                _check_dictionary(leaf, page)
                entries += page.values
                dictionaries.append(page)
            elif page.encoding in DELTA_ENCODINGS:
                self._unseen.append((leaf, chunk.codec, page))
            named |= (
                page.encoding in DICTIONARY_ENCODINGS and page.kind is not PageKind.DICTIONARY
            )
        if not leaf.texts:
            return max(unpacked, chunk.values * leaf.value_bytes)
        if named:
            self._unseen += [(leaf, chunk.codec, page) for page in dictionaries]
        return unpacked + chunk.values * leaf.value_bytes + entries * _ENTRY_BYTES

    @contextmanager
    def _refusing(self, what: str) -> Iterator[None]:
        try:
            yield
        except BadParquetError as error:
            raise NotADataset(
                f"{self.table} cannot be read: the pages of its {what} {error}; write it again"
            ) from error


def _check_chunk(leaf: Leaf, chunk: Chunk, rows: int) -> None:
    listed = leaf.levels[0] > 0
    if rows < 0 or chunk.values < rows or (chunk.values > rows and not listed):
        raise BadParquetError(f"hold {chunk.values} values for {rows} rows")
    if leaf.stored_bytes > _MOST_NUMBER_BYTES:
        raise BadParquetError(f"hold numbers of {leaf.stored_bytes} bytes each")
    held = chunk.values * (leaf.stored_bytes + _LEVELS_BYTES)
    if listed and held > max(AT_ONCE_BYTES, MOST_RATIO * (chunk.end - chunk.begin)):
        raise BadParquetError(
            f"hold lists of {chunk.values} numbers in one row group, which take more than "
            f"{MOST_RATIO} times their size; make the row groups smaller"
        )


def _check_dictionary(leaf: Leaf, page: Page) -> None:
    if page.values * leaf.stored_bytes > page.unpacked_bytes:
        raise BadParquetError(
            f"have a dictionary of {page.values} values that it has no room for"
        )
