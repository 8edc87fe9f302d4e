"""What a table is made of: columns with a kind, and rows that pass by in batches."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from lathe.facts import DType

Kind = Literal["integer", "number", "text", "vector", "picture"]
Mask = NDArray[np.bool_]
MOST_TEXTS = 10_000  # different ones in a column of labels


@dataclass(slots=True)
class Column:
    """What a first reading found out. `at` is where the first value of its kind stands and
    `missing_at` where the first missing one; `texts` are the different ones, where they were
    asked for and are not too many. Integers lie between `low` and `high`, which 0 does, too,
    and `classes` are their names where the file has some.
    `dtype` and `shape` are those of a vector's example."""

    name: str
    kind: Kind
    missing: int = 0
    missing_at: str = ""
    at: str = ""
    texts: set[str] | None = field(default_factory=set)
    low: int = 0
    high: int = 0
    classes: tuple[str, ...] = ()
    dtype: DType = "float32"
    shape: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Values:
    """Of one column, in some rows: int64 or float64 numbers (0 where one is missing), rows of
    numbers, texts, or the bytes of pictures."""

    values: NDArray[np.generic] | Sequence[str] | Sequence[bytes]
    missing: Mask

    def where(self, keep: Mask) -> "Values":
        """Only the rows that are kept."""
        if isinstance(self.values, np.ndarray):
            return Values(self.values[keep], self.missing[keep])
        kept = [value for value, stays in zip(self.values, keep, strict=True) if stays]
        return Values(kept, self.missing[keep])  # type: ignore[arg-type] # as they were


@dataclass(frozen=True, slots=True)
class Batch:
    """Some rows of one split; `place` tells where a row stands in the upload."""

    split: str
    count: int
    columns: Mapping[str, Values]
    places: NDArray[np.int64]
    file: str

    def place(self, row: int) -> str:
        """Such as `line 7 of train.csv`."""
        return f"{self.file}{self.places[row]}"

    def parts(self, most: int) -> Iterator["Batch"]:
        """The same rows, at most so many at a time."""
        for start in range(0, self.count, most):
            rows = slice(start, start + most)
            columns = {
                name: Values(each.values[rows], each.missing[rows])
                for name, each in self.columns.items()
            }
            places = self.places[rows]
            yield Batch(self.split, len(places), columns, places, self.file)

    def complete(self, names: Sequence[str]) -> "Batch":
        """Without the rows in which one of these columns has no value."""
        keep = np.ones(self.count, bool)
        for name in names:
            keep &= ~self.columns[name].missing
        if keep.all():
            return self
        columns = {name: values.where(keep) for name, values in self.columns.items()}
        return Batch(self.split, int(keep.sum()), columns, self.places[keep], self.file)


class Table(Protocol):
    """Rows in one file or in several; every method reads them from front to end."""

    @property
    def format(self) -> Literal["csv", "parquet"]:
        """How it is stored."""
        ...

    @property
    def names(self) -> tuple[str, ...]:
        """Of all columns."""
        ...

    def profiled(self, names: Sequence[str], listed: set[str]) -> dict[str, Column]:
        """What these columns hold, `texts` of those in `listed`; raises NotADataset."""
        ...

    def counts(self) -> dict[str, int]:
        """Rows by split, once it was profiled."""
        ...

    def batches(self, columns: Mapping[str, Column]) -> Iterator[Batch]:
        """These columns' values, split by split."""
        ...


Reader = Callable[[], Iterator[Batch]]
