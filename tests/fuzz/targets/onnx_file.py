"""ONNX files: bytes, or the bytes of a model with changed fields; nothing is run of them."""

from collections.abc import Iterator

import atheris

with atheris.instrument_imports(
    include=[
        "worker.engine.intake.load", "worker.engine.intake.text",
        "worker.engine.intake.tensors",
        "worker.engine.intake.file_kind", "worker.engine.onnx_file", "lathe.packed.head.wire",
    ]
):  # fmt: skip
    from worker.engine.intake import load
    from worker.engine.onnx_file import read

from tests.fuzz.message_edits import edited
from tests.fuzz.models import NAMES, models
from tests.fuzz.scratch import emptied, held
from tests.fuzz.script import Script
from tests.fuzz.target import Target
from worker.engine.intake.tensors import declared_bytes, every_tensor
from worker.engine.onnx_file.place import is_mapped, place_of
from worker.wire import Limits

_MODELS = models()
_MAPPED, _EDITED = 0x40, 0x80
read.LARGE_BYTES = 24  # else nothing so small would ever be mapped


def _one(data: bytes) -> None:
    script = Script(data)
    if script.byte() < _EDITED:
        file = script.rest()
    else:
        model = type(_MODELS[0])()
        model.CopyFrom(_MODELS[script.below(len(_MODELS))])
        edited(model, script, NAMES)
        file = model.SerializeToString()
    upload = held(file)
    loaded, _ = load.load_model(upload, emptied(), Limits())
    for tensor in every_tensor(loaded):
        if is_mapped(tensor):
            place = place_of(tensor)
            assert place.path == upload
            assert place.offset + place.size_bytes <= len(file)
            assert place.size_bytes == declared_bytes(tensor)


def _seeds() -> Iterator[bytes]:
    for number, model in enumerate(_MODELS):
        yield b"\0" + model.SerializeToString()
        yield bytes([_EDITED, number])


TARGET = Target(
    "ONNX files",
    _one,
    _seeds,
    words=(b"\x08\x09", b"\x3a", b"\x2a", b"\xff\xff\xff\xff\x0f", b"external", b"location"),
    longest=1024,
)
