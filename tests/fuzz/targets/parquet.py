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


TARGET = Target(
    "parquet tables",
    _one,
    _seeds,
    refusals=(Refused, BadArrayError),
    words=(b"PAR1", b"\xff\xff\xff\xff\x0f", b"\x15\x00", b"\x19\x1c"),
    longest=4096,
)
