"""The safetensors of a Hugging Face folder, whose reader is Rust, and their tensors."""

import struct
from collections.abc import Iterator

import atheris

with atheris.instrument_imports(include=["worker.engine.intake.hugging_face.weights"]):
    from worker.engine.intake.hugging_face.weights import stored, tensors

from tests.fuzz import json_edits
from tests.fuzz.scratch import held
from tests.fuzz.target import Target
from worker.engine.intake.export_failure import refusing_to_export

_HEADERS = [
    '{"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},'
    '"b":{"dtype":"I64","shape":[2],"data_offsets":[24,40]},"__metadata__":{"format":"pt"}}',
    '{"a":{"dtype":"BF16","shape":[1,0],"data_offsets":[0,0]}}',
]
_WORDS = ["F16", "F8_E4M3", "U64", "F4", "BOOL", "c", "data_offsets", "__metadata__", "C64"]
_INDEX = {"a": "model.safetensors", "b": "model.safetensors"}


def _one(data: bytes) -> None:
    mode, size = (*data[:2], 0, 0)[:2]
    file = data[2:]
    if mode >= 0x20:
        header = json_edits.text(_HEADERS, data[2:], _WORDS)
        file = struct.pack("<Q", len(header)) + header + bytes(size)
    path = held(file)
    found = stored({"model.safetensors": path}, _INDEX if mode & 1 else None)
    with refusing_to_export("it cannot be exported", "export it yourself"):  # as in load.py
        read = tensors(found)
    for name, tensor in read.items():
        assert tensor.numel() == found[name].elements
        assert tuple(tensor.shape) == found[name].shape
        tensor.sum()


def _seeds() -> Iterator[bytes]:
    for header in _HEADERS:
        yield b"\0\0" + struct.pack("<Q", len(header)) + header.encode() + bytes(40)
    for mode in (0x20, 0x21):
        for seed in json_edits.seeds(_HEADERS):
            yield bytes([mode, 40]) + seed


TARGET = Target("weights of Hugging Face folders", _one, _seeds, longest=512)
