"""Data sets in many files of arrays: which is which, and how they join."""

from collections.abc import Iterator
from pathlib import Path

import atheris

with atheris.instrument_imports(
    include=["worker.engine.intake.formats.shards", "worker.engine.intake.formats.files"]
):
    from worker.engine.intake.formats.files import sorted_out
    from worker.engine.intake.formats.shards import content_of_shards

import json
import struct

from lathe.errors import Refused
from tests.fuzz.drained import SMALL, drain
from tests.fuzz.scratch import ROOM, held
from tests.fuzz.script import Script
from tests.fuzz.target import Target
from tests.fuzz.targets.npy import with_length
from tests.fuzz.zip_files import plain
from worker.engine.intake.npy_header import BadArrayError
from worker.engine.onnx_file.place import Place

_NAMES = (
    "train-0.npz", "train-1.npz", "test/2.npz", "a/train/part-10.safetensors", "x.npz",
    "train/part-2.safetensors", "val.safetensors", ".hidden.npz", "README.md", "data.csv",
    "test-0.safetensors", "train_00010.npz", "trained.npz",
)  # fmt: skip
_ARRAYS = ("train/x", "x", "label", "test/x", "train/train/x", "train/label", "")
_SHAPES = ((2, 3), (1, 3), (2,), (), (0, 3), (3, 2))
_TYPES = (("<f4", "F32", 4), ("|u1", "U8", 1), ("<i8", "I64", 8))


def _one(data: bytes) -> None:
    script, content = Script(data), b""
    files = dict[str, tuple[int, int]]()
    for _ in range(1 + script.below(5)):
        name = _NAMES[script.below(len(_NAMES))]
        if script.byte() > 240:
            name = script.piece().decode("latin-1") + name
        shard = _shard(name, script)
        files[name] = len(content), len(shard)
        content += shard
    upload = held(content)
    group, found, _ = sorted_out({name: Place(upload, *at) for name, at in files.items()})
    if group not in ("npz", "safetensors"):
        return
    drain(content_of_shards(group, found, "train", Path(ROOM).absolute(), SMALL))


def _shard(name: str, script: Script) -> bytes:
    array = _ARRAYS[script.below(len(_ARRAYS))]
    shape = _SHAPES[script.below(len(_SHAPES))]
    kind, code, width = _TYPES[script.below(len(_TYPES))]
    size = width
    for side in shape:
        size *= side
    broken = script.byte()
    values = bytes(size + (broken == 255) - (broken == 254 and size > 0))
    if name.endswith(".npz"):
        header = f"{{'descr': '{kind}', 'fortran_order': {broken == 1}, 'shape': {shape}}}"
        shard = plain(f"{array}.npy".encode(), with_length(header.encode()) + values)
    else:
        told = {array: {"dtype": code, "shape": shape, "data_offsets": [0, size]}}
        text = json.dumps(told).encode()
        shard = struct.pack("<Q", len(text)) + text + values
    if broken == 253:
        shard = script.piece() + shard[script.byte() :]
    return shard


def _seeds() -> Iterator[bytes]:
    for pair in ((0, 1), (0, 2), (3, 5), (6, 10), (4, 11), (0, 3), (8, 0), (0, 9), (4, 12)):
        for array in (0, 1, 2):
            yield bytes([1]) + b"".join(bytes([number, 0, array, 0, 0, 0]) for number in pair)


TARGET = Target("shards", _one, _seeds, refusals=(Refused, BadArrayError), longest=128)
