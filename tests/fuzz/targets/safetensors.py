"""Safetensors files of data: the header, and the elements."""

import struct
from collections.abc import Iterator

import atheris

with atheris.instrument_imports(
    include=["worker.engine.intake.tensor_file", "worker.engine.intake.tensor_source"]
):
    from worker.engine.intake.tensor_file import DamagedTensorFileError
    from worker.engine.intake.tensor_source import open_tensor_file

from lathe.errors import Refused
from tests.fuzz import json_edits
from tests.fuzz.drained import SMALL, drain
from tests.fuzz.scratch import held
from tests.fuzz.target import Target
from worker.engine.intake.archive import ArchiveRefusedError
from worker.engine.intake.formats.arrays import content_of_arrays
from worker.engine.intake.npy_header import BadArrayError
from worker.engine.onnx_file.place import whole

HEADERS = [
    '{"train/x":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},'
    '"train/label":{"dtype":"I64","shape":[2],"data_offsets":[24,40]},"__metadata__":{"a":"b"}}',
    '{"test/x":{"dtype":"BOOL","shape":[1,0],"data_offsets":[0,0]}}',
]
_WORDS = ["F16", "BF16", "U8", "F64", "train/y", "data_offsets", "__metadata__"]


def _one(data: bytes) -> None:
    file = data[2:]
    if data[:1] >= b"\x20":
        header = json_edits.text(HEADERS, data[2:], _WORDS)
        file = struct.pack("<Q", len(header)) + header + bytes(data[1] if len(data) > 1 else 0)
    with open_tensor_file(whole(held(file)), SMALL) as sources:
        drain(content_of_arrays("safetensors", sources))


def _seeds() -> Iterator[bytes]:
    for header in HEADERS:
        yield b"\0\0" + struct.pack("<Q", len(header)) + header.encode() + bytes(40)
    for seed in json_edits.seeds(HEADERS):
        yield b"\x20\x28" + seed


TARGET = Target(
    "safetensors files of data",
    _one,
    _seeds,
    refusals=(DamagedTensorFileError, ArchiveRefusedError, BadArrayError, Refused),
    longest=512,
)
