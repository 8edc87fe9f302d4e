"""Parquet tables, whose reader is pyarrow's C++."""

import io
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

import atheris
import pyarrow as pa
import pyarrow.parquet as pq

with atheris.instrument_imports(include=["worker.engine.intake.formats.table"]):
    from worker.engine.intake.formats.table.content import content_of_table
    from worker.engine.intake.formats.table.parquet_table import ParquetTable

from lathe.errors import Refused
from lathe.layout import Layout
from tests.fuzz.drained import drain
from tests.fuzz.scratch import held
from tests.fuzz.target import Target
from tests.unit.worker.engine.intake.formats.parquet_files import (
    BY_DICTIONARY,
    BYTES,
    DELTA_LENGTHS,
    DELTA_TEXTS,
    INT32,
    REPEATED,
    Written,
    delta,
    levels,
    numbers,
    page,
    parquet_file,
    run,
    texts,
)
from worker.engine.intake.npy_header import BadArrayError
from worker.engine.onnx_file.place import whole

_LAYOUTS = (Layout(), Layout(missing="drop"), Layout(missing="fill", fill=2))
_PICTURE = b"P5 2 1 255\n\x00\xff"  # a PGM of two pixels


def _one(data: bytes) -> None:
    layout = _LAYOUTS[data[0] % len(_LAYOUTS) if data else 0]
    table = ParquetTable.open({layout.split: {"": whole(held(data[1:]))}})
    drain(content_of_table(table, layout, None))


def _seeds() -> Iterator[bytes]:
    columns = {
        "a": pa.array([1, 2, None], pa.int32()),
        "b": pa.array([0.5, float("nan"), 2.0]),
        "label": pa.array(["x", "y", "x"]).dictionary_encode(),
        "vector": pa.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], pa.list_(pa.float32())),
        "fixed": pa.array([[1, 2]] * 3, pa.list_(pa.int8(), 2)),
        "image": pa.array([{"bytes": _PICTURE, "path": None}] * 3),
        "flag": pa.array([True, False, True]),
        "money": pa.array([Decimal("1.5")] * 3),
        "at": pa.array([datetime(2026, 1, 1)] * 3),  # noqa: DTZ001 - a column without a zone
        "big": pa.array([2**63, 2, 3], pa.uint64()),
    }
    chosen = (
        ["a", "b", "label"], ["vector", "label"], ["image", "label"], ["fixed", "flag"],
        ["money", "a"], ["at"], ["big", "b"], ["a"],
    )  # fmt: skip
    for number, names in enumerate(chosen):
        table = pa.table({name: columns[name] for name in names})
        for codec in ("none", "snappy", "gzip"):
            with io.BytesIO() as file:
                pq.write_table(table, file, compression=codec, store_schema=number % 2 == 0)
                yield bytes([number]) + file.getvalue()
    yield from _claiming()


def _claiming() -> Iterator[bytes]:
    """Tables that are small, and could be large: with one number or text many times."""
    for rows, size, codec in ((8, 4, 0), (300, 9, 1), (16, 1 << 20, 6)):
        text = texts(b"a" * size)
        by_number = bytes([1]) + run(0, rows, 1)
        alike = delta([0] + [size] * (rows - 1)) + delta([size] + [0] * (rows - 1))
        inside = levels(run(0, 1, 1), run(1, rows - 1, 1)) + levels(run(1, rows, 1))
        encoded = (
            (BYTES, (page(text, 1, dictionary=True, codec=codec), by_number), BY_DICTIONARY),
            (BYTES, (alike + b"a" * size,), DELTA_TEXTS),
            (BYTES, (delta([0] * rows),), DELTA_LENGTHS),
            (
                INT32,
                (page(bytes(4), 1, dictionary=True, codec=codec), inside + by_number),
                BY_DICTIONARY,
            ),
        )
        for physical, (*before, content), encoding in encoded:
            pages = (*before, page(content, rows, encoding=encoding, codec=codec))
            is_list = physical == INT32
            column = Written(
                physical,
                rows,
                pages,
                codec,
                repetition=REPEATED if is_list else 0,
                text=not is_list,
            )
            count = 1 if is_list else rows
            yield bytes([1]) + parquet_file(
                {"vector" if is_list else "label": column, "a": numbers(count)}, count
            )


TARGET = Target(
    "parquet tables",
    _one,
    _seeds,
    refusals=(Refused, BadArrayError),
    words=(b"PAR1", b"\xff\xff\xff\xff\x0f", b"\x15\x00", b"\x19\x1c"),
    longest=4096,
)
