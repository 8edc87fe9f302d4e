"""Codes whose odds depend on how busy their row and their column are.

    section = exponent u8   log2 of the lanes, at most 15
              heads         one for each matrix, in order
              lanes         u32 states, u16 words (lanes.py)
              raw           the raw bits (tokens.py, bits.py) that the tokens of all ask for

    head    = flags u8      1: rows have classes, 2: columns have classes, 4: the tables share
                            what is not zero
              direct u8     1 to 192 (tokens.py)
              classes       of the rows, then of the columns, each only where flags say so:
                            count u8, then that many weights u8 (frequencies.py) of the classes
              size u8       tokens of a table, less one
              tables        a weight u8 for each token of each table; where they share:
                            a weight u8 for each table, then one for each token but the first

Without classes every row (column) is of class 1. A row or column of class 0 is all zeros and
not coded. What the lanes carry, for one matrix after the other: the class of every row, the
class of every column, then zigzag naturals as tokens, row by row, of the rows and columns that
are not of class 0. Token (i, j) belongs to table  row class i + column class j - 2,  of which
there are  row classes + column classes - 3  (classes counted with class 0, 2 where there are
none).

A shared table k gives  min(4096, max(count, weight_k >> 4))  of the 4096 to the tokens above
zero (count: those with a weight; none where weight u8 is 0), split by their weights, and the
rest to zero.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lathe.errors import CorruptPacked
from lathe.packed.bits import unpack_bits
from lathe.packed.frequencies import TOTAL, WEIGHTS, frequencies
from lathe.packed.lanes import Lanes, lookup
from lathe.packed.tokens import ALPHABET, MOST_DIRECT, least_natural, raw_widths
from lathe.packed.zigzag import unzigzag

ROW_CLASSES, COLUMN_CLASSES, SHARED = 1, 2, 4
WIDEST = 15  # log2 of the lanes
MOST_CLASSES = 17
AT_ONCE = 1 << 18  # codes whose tables are looked up at once
SMALL = unzigzag(np.arange(ALPHABET))  # the codes of the direct tokens


def decode_ranged(
    section: memoryview, shapes: Sequence[tuple[int, int]]
) -> list[NDArray[np.int32]]:
    """The matrices of these (rows, columns) in a section; raises CorruptPacked."""
    exponent, at = _byte(section, 0), 1
    if exponent > WIDEST:
        raise CorruptPacked(f"2**{exponent} lanes")
    heads = []
    for _ in shapes:
        head, at = Head.read(section, at)
        heads.append(head)
    lanes = Lanes(section[at:], 1 << exponent)
    parts = [_Part.read(lanes, head, *shape) for head, shape in zip(heads, shapes, strict=True)]
    widths = np.concatenate([part.raw_widths() for part in parts])
    raw = unpack_bits(section[at + lanes.close() :], widths)
    matrices, used = [], 0
    for part in parts:
        count = len(part.large)
        matrices.append(part.codes(raw[used : used + count]))
        used += count
    return matrices


@dataclass(frozen=True, eq=False)
class Head:
    """What stands before the lanes."""

    direct: int
    row_classes: NDArray[np.int64]  # frequencies (classes,); empty: one class
    column_classes: NDArray[np.int64]
    tables: NDArray[np.int64]  # (tables, tokens)

    @classmethod
    def read(cls, section: memoryview, at: int) -> tuple["Head", int]:
        """The head at `at` and the offset behind it; raises CorruptPacked."""
        flags, direct, at = _byte(section, at), _byte(section, at + 1), at + 2
        if flags > ROW_CLASSES + COLUMN_CLASSES + SHARED:
            raise CorruptPacked(f"unknown flags {flags}")
        if not 1 <= direct <= MOST_DIRECT:
            raise CorruptPacked(f"{direct} direct tokens")
        row_classes = column_classes = np.zeros(0, np.int64)
        if flags & ROW_CLASSES:
            row_classes, at = _class_frequencies(section, at)
        if flags & COLUMN_CLASSES:
            column_classes, at = _class_frequencies(section, at)
        count = max(len(row_classes), 2) + max(len(column_classes), 2) - 3
        size, at = _byte(section, at) + 1, at + 1
        read = _shared_tables if flags & SHARED else _own_tables
        tables, at = read(section, at, count, size)
        return cls(direct, row_classes, column_classes, tables), at


@dataclass(frozen=True, eq=False)
class _Part:
    """A matrix without its raw bits."""

    direct: int
    of_row: NDArray[np.uint8]
    of_column: NDArray[np.uint8]
    tokens: NDArray[np.uint8]
    large: NDArray[np.intp]  # the places of tokens with raw bits, be they none

    @classmethod
    def read(cls, lanes: Lanes, head: Head, rows: int, columns: int) -> "_Part":
        """What the lanes have of the next matrix; raises CorruptPacked."""
        of_row = _classes(lanes, head.row_classes, rows)
        of_column = _classes(lanes, head.column_classes, columns)
        tokens = _tokens(lanes, head, of_row[of_row > 0], of_column[of_column > 0])
        return cls(
            head.direct, of_row, of_column, tokens, np.flatnonzero(tokens >= head.direct)
        )

    def raw_widths(self) -> NDArray[np.uint8]:
        """The raw bits of each large token."""
        return raw_widths(self.tokens[self.large], self.direct)

    def codes(self, raw: NDArray[np.int64]) -> NDArray[np.int32]:
        """The matrix (rows, columns), `raw` being the raw bits of the large tokens."""
        live = SMALL[self.tokens]
        least = least_natural(self.tokens[self.large], self.direct)
        live[self.large] = unzigzag(least + raw)
        rows, columns = np.flatnonzero(self.of_row), np.flatnonzero(self.of_column)
        whole = (len(self.of_row), len(self.of_column))
        if (len(rows), len(columns)) == whole:
            return live.reshape(whole)
        codes = np.zeros(whole, np.int32)
        codes[np.ix_(rows, columns)] = live.reshape(len(rows), len(columns))
        return codes


def shared_table(nonzero: int, weights: NDArray[np.uint8]) -> NDArray[np.int64]:
    """One table of those that share; `weights` are those of the tokens but the first."""
    count = int(np.count_nonzero(weights))
    mass = min(TOTAL, max(count, int(WEIGHTS[nonzero]) >> 4)) if nonzero and count else 0
    return np.concatenate([[TOTAL - mass], frequencies(weights, mass) if mass else weights * 0])


def _byte(section: memoryview, at: int) -> int:
    if at >= len(section):
        raise CorruptPacked("a section has no end")
    return section[at]


def _weights(section: memoryview, at: int, count: int) -> tuple[NDArray[np.uint8], int]:
    if len(section) - at < count:
        raise CorruptPacked("the tables have no end")
    return np.frombuffer(section[at : at + count], np.uint8), at + count


def _class_frequencies(section: memoryview, at: int) -> tuple[NDArray[np.int64], int]:
    count = _byte(section, at)
    if not 2 <= count <= MOST_CLASSES:  # noqa: PLR2004 - class 0 and one more
        raise CorruptPacked(f"{count} classes")
    weights, at = _weights(section, at + 1, count)
    return frequencies(weights), at


def _own_tables(
    section: memoryview, at: int, count: int, size: int
) -> tuple[NDArray[np.int64], int]:
    weights, at = _weights(section, at, count * size)
    return np.stack([frequencies(row) for row in weights.reshape(count, size)]), at


def _shared_tables(
    section: memoryview, at: int, count: int, size: int
) -> tuple[NDArray[np.int64], int]:
    nonzero, at = _weights(section, at, count)
    weights, at = _weights(section, at, size - 1)
    return np.stack([shared_table(int(share), weights) for share in nonzero]), at


def _classes(lanes: Lanes, table: NDArray[np.int64], count: int) -> NDArray[np.uint8]:
    """The class of each of `count` rows or columns."""
    if not len(table):
        return np.ones(count, np.uint8)
    lanes.admit(count)
    return lanes.take(np.zeros(count, np.uint8), lookup(table[None]))


def _tokens(
    lanes: Lanes, head: Head, of_row: NDArray[np.uint8], of_column: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """The tokens of the live rows and columns, whole multiples of the lanes at a time."""
    columns, total = len(of_column), len(of_row) * len(of_column)
    lanes.admit(total)
    tokens, entries = np.empty(total, np.uint8), lookup(head.tables)
    offset = of_column - np.uint8(2)
    count = len(lanes.states)
    at_once = -(-max(AT_ONCE, columns) // count) * count
    for first in range(0, total, at_once):
        last = min(first + at_once, total)
        row = first // columns
        some = of_row[row : -(-last // columns)]
        contexts = (some[:, None] + offset).ravel()[first - row * columns :][: last - first]
        tokens[first:last] = lanes.take(contexts, entries)
    return tokens
