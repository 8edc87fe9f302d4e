"""Parquet tables, read in batches of rows; no column is ever held whole.

Importing pyarrow starts a thread, so this module is imported in the child alone.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import BaseModel, Field, ValidationError

from lathe.errors import NotADataset
from lathe.facts import DType
from worker.engine.intake.formats.table.batch import MOST_TEXTS, Batch, Column, Kind, Values
from worker.engine.intake.formats.table.parquet_claims import (
    BATCH_BYTES,
    check_ratio,
    leaves_of,
    rows_at_once,
)
from worker.engine.intake.formats.window import window
from worker.engine.intake.tensor_file import ITEM_BYTES
from worker.engine.onnx_file.place import Place

TEXT_BYTES = 16  # that a text counts as at least: each takes its time
PICTURE_BYTES = 4096  # likewise: its header is looked at
_NUMBERS: dict[str, DType] = {name: name for name in ITEM_BYTES if "int" in name}
_NUMBERS |= {"halffloat": "float16", "float": "float32", "double": "float64"}  # arrow's names
_MOST_ENTRIES = 1_000_000  # of a list in a footer
_PICTURE = "bytes"  # the field of a struct in which datasets keep a picture's file

_DAMAGE = (
    pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowKeyError, pa.ArrowIndexError,
    UnicodeDecodeError, OSError,
)  # fmt: skip

pa.set_cpu_count(1)
pa.set_io_thread_count(1)
pa.set_memory_pool(pa.system_memory_pool())  # gives memory back, and counts in the limits


class _Info(BaseModel):
    features: dict[str, Any] = Field(default_factory=dict)


class _Noted(BaseModel):
    info: _Info = _Info()


@dataclass(slots=True)
class ParquetTable:
    """Files of the same columns, by split."""

    splits: dict[str, dict[str, Place]]
    schema: pa.Schema
    classes: Mapping[str, tuple[str, ...]]
    format: Literal["parquet"] = "parquet"
    _counts: dict[str, int] = field(default_factory=dict)
    _batch_rows: dict[tuple[str, str], int] = field(default_factory=dict)

    @classmethod
    def open(cls, splits: Mapping[str, Mapping[str, Place]]) -> "ParquetTable":
        """The files of each split by name (empty for an upload that is one file)."""
        schema, first, classes = None, "", dict[str, tuple[str, ...]]()
        names = list[str]()
        for files in splits.values():
            for name, place in files.items():
                with _opened(name, place) as file:
                    found = file.schema_arrow
                    classes = classes or _class_names(found.metadata or {})
                    found = found.remove_metadata()
                    names = found.names  # a name that is no text is damage, too
                if schema is not None and not found.equals(schema):
                    raise NotADataset(
                        f"the table {name!r} has other columns than {first!r}; give all files "
                        "the same"
                    )
                schema, first = found, first or name
        if schema is None or len(set(names)) < len(names) or not names:
            raise NotADataset("the table needs columns, each with a name of its own")
        return cls({split: dict(files) for split, files in splits.items()}, schema, classes)

    @property
    def names(self) -> tuple[str, ...]:
        """Of all columns."""
        return tuple(self.schema.names)

    def counts(self) -> dict[str, int]:
        """Rows by split, once it was profiled."""
        return self._counts

    def profiled(self, names: Sequence[str], listed: set[str]) -> dict[str, Column]:
        """What these columns hold; raises NotADataset for a kind that is no data."""
        found = {name: _column(self.schema.field(name), name in listed) for name in names}
        for name, column in found.items():
            column.classes = self.classes.get(name, ())
        for split, prefix, start, batch in self._raw(names):
            self._counts[split] = self._counts.get(split, 0) + len(batch)
            for name, column in found.items():
                _look(column, batch.column(name), prefix, start)
        return found

    def batches(self, columns: Mapping[str, Column]) -> Iterator[Batch]:
        """These columns' values, split by split."""
        vectors = [each for each in columns.values() if each.kind == "vector"]
        row_bytes = sum(math.prod(each.shape) * ITEM_BYTES[each.dtype] for each in vectors)
        for split, prefix, start, batch in self._raw(tuple(columns), row_bytes):
            values = {
                name: _converted(column, batch.column(name), f"{prefix}{start}")
                for name, column in columns.items()
            }
            places = np.arange(start, start + len(batch), dtype=np.int64)
            yield Batch(split, len(batch), values, places, prefix)

    def _raw(
        self, names: Sequence[str], row_bytes: int = 0
    ) -> Iterator[tuple[str, str, int, pa.RecordBatch]]:
        """Rows of about 4 MiB, of which each takes `row_bytes` beside its texts."""
        paths = [_path(self.schema.field(name)) for name in names]
        for split, files in self.splits.items():
            for name, place in files.items():
                prefix, start = f"{name}, row " if name else "row ", 1
                with _opened(name, place) as file:
                    size, unfolded = self._rows_at_once(split, name, names, file), 0
                    for batch in file.iter_batches(size, columns=paths, use_threads=False):
                        batch.validate(full=True)
                        whole = _decoded(batch)
                        unfolded += max(whole.nbytes, row_bytes * len(whole))
                        check_ratio(_called(name), unfolded, place.size_bytes)
                        for part in _parts(whole, row_bytes):
                            yield split, prefix, start, part
                            start += len(part)

    def _rows_at_once(
        self, split: str, name: str, names: Sequence[str], file: pq.ParquetFile
    ) -> int:
        """By the pages of all columns that were asked for first."""
        known = self._batch_rows.get((split, name))
        if known is None:
            fields = [self.schema.field(each) for each in names]
            counted = {_path(each): _least_bytes(each.type) for each in fields}
            place = self.splits[split][name]
            with window(place) as source:
                known = rows_at_once(
                    _called(name),
                    source,
                    place.size_bytes,
                    leaves_of(file.schema, counted),
                )
            self._batch_rows[split, name] = known
        return known


@contextmanager
def _opened(name: str, place: Place) -> Iterator[pq.ParquetFile]:
    longest = max(1, min(_MOST_ENTRIES, place.size_bytes))  # what a footer may claim
    try:
        with (
            window(place) as source,
            pq.ParquetFile(
                source,
                buffer_size=1 << 20,
                pre_buffer=False,
                thrift_string_size_limit=longest,
                thrift_container_size_limit=longest,
            ) as file,
        ):
            yield file
    except _DAMAGE as error:
        raise NotADataset(
            f"{_called(name)} cannot be read ({error}); write it again"
        ) from error


def _called(name: str) -> str:
    return f"the parquet table {name!r}" if name else "the parquet table"


def _path(of: pa.Field) -> str:
    """Of the values that are used: a picture lies beside its name."""
    return f"{of.name}.{_PICTURE}" if pa.types.is_struct(of.type) else str(of.name)


def _least_bytes(of: pa.DataType) -> int:
    """That a value counts as, however little the file needs for it."""
    kind, _ = _kind(of)
    if kind == "picture":
        return PICTURE_BYTES
    of = of.value_type if pa.types.is_dictionary(of) else of
    return TEXT_BYTES if kind == "text" else max(1, _item(of).bit_width // 8)


def _decoded(batch: pa.RecordBatch) -> pa.RecordBatch:
    columns = [
        each.dictionary_decode() if pa.types.is_dictionary(each.type) else each
        for each in batch.columns
    ]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _parts(batch: pa.RecordBatch, row_bytes: int) -> Iterator[pa.RecordBatch]:
    """The same rows, as many at a time as take 4 MiB: single ones may be large."""
    if batch.nbytes + row_bytes * len(batch) <= BATCH_BYTES:
        if len(batch):
            yield batch
        return
    sizes = np.full(len(batch), row_bytes, np.int64)
    for column in map(_files, batch.columns):
        if _has_lengths(column.type):
            sizes += pc.fill_null(pc.binary_length(column), 0).to_numpy(zero_copy_only=False)
    ends, start = np.cumsum(sizes), 0
    while start < len(batch):
        before = ends[start - 1] if start else 0
        stop = int(np.searchsorted(ends, before + BATCH_BYTES, "right"))
        stop = min(max(stop, start + 1), len(batch))
        yield batch.slice(start, stop - start)
        start = stop


def _has_lengths(of: pa.DataType) -> bool:
    kind, _ = _kind(of)
    return kind in {"text", "picture"}


def _class_names(metadata: Mapping[bytes, bytes]) -> dict[str, tuple[str, ...]]:
    """What the datasets library notes of columns of class numbers; nothing where it did not."""
    try:
        noted = _Noted.model_validate_json(metadata.get(b"huggingface", b"{}"))
    except ValidationError:
        return {}
    return {
        name: tuple(str(each) for each in feature["names"])
        for name, feature in noted.info.features.items()
        if isinstance(feature, dict) and isinstance(feature.get("names"), list)
    }


def _column(of: pa.Field, listed: bool) -> Column:  # noqa: FBT001 - a fact of the column
    kind, dtype = _kind(of.type)
    if kind is None:
        raise NotADataset(
            f"the column {of.name!r} holds {of.type}, which is neither numbers, texts nor "
            f'pictures; leave it out with layout={{"ignore": ["{of.name}"]}}'
        )
    texts = set[str]() if listed and kind == "text" else None
    return Column(of.name, kind, texts=texts, dtype=dtype)


def _kind(of: pa.DataType) -> tuple[Kind | None, DType]:
    """What a column is, and of a vector its numbers' type."""
    is_a = pa.types
    if is_a.is_dictionary(of):
        of = of.value_type
    kind: Kind | None = None
    if is_a.is_struct(of):
        place = of.get_field_index(_PICTURE)
        kind = "picture" if place >= 0 and _is_bytes(of.field(place).type) else None
    elif is_a.is_boolean(of) or is_a.is_integer(of):
        kind = "integer"
    elif is_a.is_floating(of) or is_a.is_decimal(of):
        kind = "number"
    elif is_a.is_string(of) or is_a.is_large_string(of):
        kind = "text"
    elif _is_bytes(of):
        kind = "picture"
    elif _is_list(of) and str(_item(of)) in _NUMBERS:
        return "vector", _NUMBERS[str(_item(of))]
    return kind, "float32"


def _is_bytes(of: pa.DataType) -> bool:
    return bool(pa.types.is_binary(of) or pa.types.is_large_binary(of))


def _is_list(of: pa.DataType) -> bool:
    return bool(
        pa.types.is_list(of) or pa.types.is_large_list(of) or pa.types.is_fixed_size_list(of)
    )


def _item(of: pa.DataType) -> pa.DataType:
    return _item(of.value_type) if _is_list(of) else of


def _look(column: Column, values: pa.Array, prefix: str, start: int) -> None:
    if column.kind == "picture":
        values = _files(values)
    missing = _missing(column, values)
    if missing.any():
        column.missing += int(missing.sum())
        column.missing_at = column.missing_at or f"{prefix}{start + int(missing.argmax())}"
    if column.kind == "vector":
        _look_at_rows(column, values.drop_null(), f"{prefix}{start}")
    if not column.at and not missing.all():
        first = start + int((~missing).argmax())
        shown = f": {values[first - start].as_py()[:40]!r}" if column.kind == "text" else ""
        column.at = f"{prefix}{first}{shown}"
    if pa.types.is_integer(values.type) and not missing.all():
        ends = pc.min_max(values).as_py()
        column.low = min(ends["min"], column.low)
        column.high = max(ends["max"], column.high)
    if column.texts is not None:
        column.texts.update(text for text in pc.unique(values).to_pylist() if text)
        if len(column.texts) > MOST_TEXTS:
            column.texts = None


def _look_at_rows(column: Column, values: pa.Array, place: str) -> None:
    """Every row has the shape of the first."""
    shape: list[int] = []
    while _is_list(values.type) and len(values):
        lengths = pc.unique(pc.list_value_length(values)).to_pylist()
        if len(lengths) != 1:
            raise NotADataset(
                f"the lists of the column {column.name!r} have {min(lengths)} to "
                f"{max(lengths)} entries at or behind {place}; make them equally long"
            )
        shape.append(lengths[0])
        values = values.flatten()
    if values.null_count:
        raise NotADataset(
            f"the lists of the column {column.name!r} hold missing entries at or behind {place}"
        )
    if shape and column.shape not in {(), tuple(shape)}:
        raise NotADataset(
            f"the lists of the column {column.name!r} have {column.shape} and {tuple(shape)} "
            f"entries at or behind {place}; make them equally long"
        )
    column.shape = column.shape or tuple(shape)


def _missing(column: Column, values: pa.Array) -> NDArray[np.bool_]:
    """A null, a NaN, an empty text."""
    missing = values.is_null()
    if column.kind == "number" and pa.types.is_floating(values.type):
        missing = pc.or_(missing, pc.fill_null(pc.is_nan(values), fill_value=False))
    if column.kind == "text":
        missing = pc.or_(missing, pc.fill_null(pc.equal(values, ""), fill_value=False))
    found: NDArray[np.bool_] = missing.to_numpy(zero_copy_only=False)
    return found


def _converted(column: Column, values: pa.Array, place: str) -> Values:
    if column.kind == "picture":
        values = _files(values)
    missing = _missing(column, values)
    if column.kind == "text":
        return Values(
            ["" if each is None else str(each) for each in values.to_pylist()], missing
        )
    if column.kind == "picture":
        return Values([each or b"" for each in values.to_pylist()], missing)
    if column.kind == "vector":
        return Values(_rows(column, values, missing), missing)
    kind = pa.int64() if column.kind == "integer" else pa.float64()
    try:
        numbers = values.cast(kind).fill_null(0).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid as error:
        raise NotADataset(
            f"the column {column.name!r} holds a number at or behind {place} that is too large "
            f"({error})"
        ) from error
    if not np.isfinite(numbers[~missing]).all():
        raise NotADataset(
            f"the column {column.name!r} holds an infinite number at or behind {place}; "
            "replace or remove it"
        )
    return Values(np.where(missing, 0, numbers), missing)


def _rows(column: Column, values: pa.Array, missing: NDArray[np.bool_]) -> NDArray[np.generic]:
    """Flat entries of the rows that are there, put where they belong."""
    flat = values.drop_null()
    while _is_list(flat.type):
        flat = flat.flatten()
    rows = np.zeros((len(values), *column.shape), column.dtype)
    rows[~missing] = flat.to_numpy(zero_copy_only=False).reshape(-1, *column.shape)
    return rows


def _files(values: pa.Array) -> pa.Array:
    return pc.struct_field(values, _PICTURE) if pa.types.is_struct(values.type) else values
