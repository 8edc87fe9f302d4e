"""Tables of text: what a column holds is found by reading all of it once."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lathe.errors import NotADataset
from worker.engine.intake.formats.table.batch import (
    MOST_TEXTS,
    Batch,
    Column,
    Kind,
    Values,
)
from worker.engine.intake.formats.table.csv_lines import CsvFile, is_number, open_csv, where
from worker.engine.onnx_file.place import Place

CELLS = 200_000  # of a batch
LETTERS = 4 << 20  # likewise: a cell may have many
ABSENT = {"", "na", "n/a", "nan", "null", "none", "?"}  # among numbers
INT64 = range(-(2**63), 2**63)
_RANK: dict[Kind, int] = {"integer": 0, "number": 1, "text": 2}


@dataclass(slots=True)
class _Found:
    """Of one column so far; a text that is empty and a number that is absent both may count
    as missing: it depends on what the column turns out to be."""

    kind: Kind = "integer"
    at: str = ""
    empty: int = 0
    empty_at: str = ""
    absent: int = 0
    absent_at: str = ""
    texts: set[str] | None = None
    low: int = 0
    high: int = 0

    def widen(self, low: int, high: int) -> None:
        """Integers between these were seen."""
        self.low, self.high = min(low, self.low), max(high, self.high)

    def column(self, name: str) -> Column:
        if self.kind == "text":
            return Column(name, "text", self.empty, self.empty_at, self.at, self.texts)
        found = Column(name, self.kind, self.absent, self.absent_at, self.at)
        found.low, found.high = self.low, self.high
        return found


@dataclass(slots=True)
class CsvTable:
    """Files of the same columns, by split."""

    splits: dict[str, list[CsvFile]]
    format: Literal["csv"] = "csv"
    _counts: dict[str, int] = field(default_factory=dict)

    @classmethod
    def open(
        cls, splits: Mapping[str, Mapping[str, Place]], *, header: bool | None
    ) -> "CsvTable":
        """The files of each split by name (empty for an upload that is one file)."""
        opened = {
            split: [open_csv(name, place, header=header) for name, place in files.items()]
            for split, files in splits.items()
        }
        every = [file for files in opened.values() for file in files]
        for file in every[1:]:
            if file.columns != every[0].columns:
                raise NotADataset(
                    f"the table {file.name!r} has other columns than {every[0].name!r}; give "
                    "all files the same"
                )
        return cls(opened)

    @property
    def names(self) -> tuple[str, ...]:
        """Of all columns."""
        return next(iter(self.splits.values()))[0].columns

    def counts(self) -> dict[str, int]:
        """Rows by split, once it was profiled."""
        return self._counts

    def profiled(self, names: Sequence[str], listed: set[str]) -> dict[str, Column]:
        """What these columns hold; raises NotADataset for a bad row, with its line."""
        found = {name: _Found(texts=set() if name in listed else None) for name in names}
        for split, file, lines, rows in self._raw():
            self._counts[split] = self._counts.get(split, 0) + len(rows)
            for position, cells in enumerate(zip(*rows, strict=True)):
                if (name := file.columns[position]) in found:
                    _look(found[name], cells, lines, file.name)
        return {name: each.column(name) for name, each in found.items()}

    def batches(self, columns: Mapping[str, Column]) -> Iterator[Batch]:
        """These columns' values, split by split."""
        for split, file, lines, rows in self._raw():
            cells = dict(zip(file.columns, zip(*rows, strict=True), strict=True))
            values = {
                name: _converted(cells[name], column.kind) for name, column in columns.items()
            }
            places = np.array(lines, np.int64)
            prefix = f"{file.name}, line " if file.name else "line "
            yield Batch(split, len(rows), values, places, prefix)

    def _raw(self) -> Iterator[tuple[str, CsvFile, list[int], list[list[str]]]]:
        for split, files in self.splits.items():
            for file in files:
                size = max(1, min(4096, CELLS // len(file.columns)))
                lines: list[int] = []
                rows: list[list[str]] = []
                letters = 0
                for line, row in file.rows():
                    lines.append(line)
                    rows.append(row)
                    letters += sum(map(len, row))
                    if len(rows) == size or letters >= LETTERS:
                        yield split, file, lines, rows
                        lines, rows, letters = [], [], 0
                if rows:
                    yield split, file, lines, rows


def _look(found: _Found, cells: Sequence[str], lines: list[int], file: str) -> None:
    plain = _plain_kind(found, cells) if found.texts is None and found.kind != "text" else None
    if plain is not None:
        _raise_to(found, plain, where(file, lines[0]))
        return
    for cell, line in zip(cells, lines, strict=True):
        _look_at(found, cell, line, file)


def _look_at(found: _Found, cell: str, line: int, file: str) -> None:
    stripped = cell.strip()
    if not stripped and not found.empty:
        found.empty_at = where(file, line)
    found.empty += not stripped
    if stripped.lower() in ABSENT:
        found.absent_at = found.absent_at or where(file, line)
        found.absent += 1
    elif not is_number(stripped):
        _raise_to(found, "text", f"{where(file, line)}: {stripped[:40]!r}")
    elif math.isinf(float(stripped)):
        raise NotADataset(f"{where(file, line)} holds {stripped!r}; replace or remove it")
    elif _is_integer(stripped):
        found.widen(int(stripped), int(stripped))
        _raise_to(found, "integer", where(file, line))
    else:
        _raise_to(found, "number", where(file, line))
    if stripped and found.texts is not None:
        found.texts.add(stripped)
        if len(found.texts) > MOST_TEXTS:
            found.texts = None


def _raise_to(found: _Found, kind: Kind, at: str) -> None:
    """Integers are numbers, and numbers are texts, but not the other way."""
    if not found.at or _RANK[kind] > _RANK[found.kind]:
        found.kind, found.at = kind, at


def _plain_kind(found: _Found, cells: Sequence[str]) -> Kind | None:
    """Of cells that are all numbers, which is usual and quickly seen."""
    try:
        integers = [int(cell) for cell in cells]
    except ValueError:
        pass
    else:
        if "_" in "".join(cells):
            return None
        low, high = min(integers), max(integers)
        if low not in INT64 or high not in INT64:
            return "number"
        found.widen(low, high)
        return "integer"
    try:
        numbers = np.array([float(cell) for cell in cells])
    except ValueError:
        return None
    return "number" if np.isfinite(numbers).all() and "_" not in "".join(cells) else None


def _is_integer(cell: str) -> bool:
    try:
        return int(cell) in INT64
    except ValueError:
        return False


def _converted(cells: Sequence[str], kind: Kind) -> Values:
    if kind == "text":
        texts = [cell.strip() for cell in cells]
        return Values(texts, np.array([not text for text in texts]))
    read, dtype = (int, np.int64) if kind == "integer" else (float, np.float64)
    try:
        values: NDArray[np.generic] = np.array([read(cell) for cell in cells], dtype)
    except ValueError:
        absent = np.array([cell.strip().lower() in ABSENT for cell in cells])
        # strip() takes more for blanks than int() and float() do
        filled = [
            "0" if gone else cell.strip() for cell, gone in zip(cells, absent, strict=True)
        ]
        return Values(np.array([read(cell) for cell in filled], dtype), absent)
    if kind == "number" and np.isnan(values).any():
        absent = np.isnan(values)
        return Values(np.where(absent, 0, values), absent)
    return Values(values, np.zeros(len(cells), bool))
