"""Where an ONNX file in an archive says that its tensors lie."""

from collections.abc import Iterator

import atheris

with atheris.instrument_imports(include=["worker.engine.intake.external_data"]):
    from worker.engine.intake import external_data

import onnx

from tests.fuzz.scratch import held
from tests.fuzz.script import Script
from tests.fuzz.target import Target
from worker.engine.intake.tensors import check_declared
from worker.engine.onnx_file.place import Place, is_mapped, place_of

_FILES = {"weights.bin": 64, "net/weights.bin": 40, "net/a/b": 16}
_TEXTS = (
    "weights.bin", "a/b", "../weights.bin", "/etc/passwd", "net/weights.bin", "./a//b", "C:/x",
    "0", "8", "24", "-1", "1e1", " 8", "\u0663", "18446744073709551616", "0x10", "",
    "\u0000", "weights.bin\n", "a\\b",
)  # fmt: skip
_KEYS = ("location", "offset", "length", "checksum", "offset")
_DIMS = (0, 1, 2, 3, 16, 64, -1, 1 << 20, 1 << 40, (1 << 63) - 1)
external_data.LARGE_BYTES = 16  # else nothing so small would ever be mapped


def _one(data: bytes) -> None:
    script, model = Script(data), onnx.ModelProto()
    for number in range(1 + script.below(3)):
        inside = script.byte() & 1
        tensors = model.graph.node.add().attribute.add().tensors if inside else None
        tensor = (tensors if tensors is not None else model.graph.initializer).add()
        _fill(tensor, script)
        tensor.name = f"t{number}"
    upload = held(bytes(128))
    places, at = dict[str, Place](), 0
    for name, size in _FILES.items():
        places[name] = Place(upload, at, size)
        at += size
    external_data.bring_in(model, ("net", ".", "")[script.below(3)], places)
    for tensor in model.graph.initializer:
        if is_mapped(tensor):
            place = place_of(tensor)
            assert place.path == upload
            assert any(
                one.offset <= place.offset
                and place.offset + place.size_bytes <= one.offset + one.size_bytes
                for one in places.values()
            )
        check_declared(tensor)


def _fill(tensor: onnx.TensorProto, script: Script) -> None:
    tensor.data_type = script.byte() % 28
    tensor.dims.extend(_DIMS[script.below(len(_DIMS))] for _ in range(script.below(4)))
    tensor.data_location = script.byte() & 1
    for _ in range(script.below(5)):
        key = _KEYS[script.below(len(_KEYS))]
        told = script.byte()
        value = script.piece().decode("latin-1") if told < 64 else _TEXTS[told % len(_TEXTS)]
        tensor.external_data.add(key=key, value=value)


def _seeds() -> Iterator[bytes]:
    for number in range(len(_TEXTS)):
        # one float tensor of 2 in the named place; then with an offset, and a length
        yield bytes([0, 0, 1, 1, 2, 1, 1, 0, 64 + (number - 64) % len(_TEXTS)])
        yield bytes([0, 0, 1, 1, 2, 1, 2, 0, 80, 1, 64 + (number - 64) % len(_TEXTS)])
        yield bytes([0, 1, 1, 1, 4, 1, 3, 0, 80, 1, 67, 2, 64 + (number - 64) % len(_TEXTS)])


TARGET = Target("places of external data", _one, _seeds, longest=128)
