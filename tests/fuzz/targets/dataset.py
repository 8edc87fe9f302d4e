"""Data sets of every format, from the upload's bytes to the file that jobs read."""

from collections.abc import Iterator
from pathlib import Path

import atheris

with atheris.instrument_imports(
    include=[
        "worker.engine.intake.dataset", "worker.engine.intake.file_kind",
        "worker.engine.intake.formats.opened", "worker.engine.intake.formats.arrays",
        "worker.engine.intake.formats.summarise",
    ]
):  # fmt: skip
    from worker.engine.intake.dataset import inspect_dataset

from lathe.facts import Transform
from lathe.layout import Layout
from tests.fuzz.drained import SMALL
from tests.fuzz.scratch import ROOM, held
from tests.fuzz.target import Target
from tests.fuzz.targets import csv, npz, parquet, pictures, safetensors, tar
from tests.fuzz.zip_files import plain

_LAYOUTS = (Layout(), Layout(holdout=0.5), Layout(missing="drop", label="a"))
_TRANSFORMS = {"x": Transform(scale=2)}


def _one(data: bytes) -> None:
    told = data[0] if data else 0
    upload, out = held(data[1:]), Path(ROOM, "data").absolute()
    transforms = _TRANSFORMS if told & 0x80 else {}
    inspect_dataset(upload, out, transforms, SMALL, _LAYOUTS[told % len(_LAYOUTS)])
    assert out.stat().st_size < 2 * SMALL.max_bytes


def _seeds() -> Iterator[bytes]:
    for table in csv.TABLES:
        yield b"\0" + table
    for other in (npz, safetensors, parquet, tar):
        for seed in other.TARGET.seeds():
            yield b"\0" + seed[1 if seed[0] else 2 if other is safetensors else 1 :]
    for seed in list(pictures.TARGET.seeds())[:20:3]:
        yield b"\0" + plain(b"train/cat/1.png", seed[1:])
    yield b"\0" + plain(b"train.csv", csv.TABLES[0])


TARGET = Target("data sets of every format", _one, _seeds, longest=2048)
