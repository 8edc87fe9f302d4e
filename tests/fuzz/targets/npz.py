"""NumPy archives: a script of a zip, whose members are arrays with headers of their own."""

from collections.abc import Iterator

import atheris

with atheris.instrument_imports(
    include=[
        "worker.engine.intake.npy_header", "worker.engine.intake.npz_source",
        "worker.engine.intake.array_stream", "worker.engine.intake.zip_archive",
    ]
):  # fmt: skip
    from worker.engine.intake.npy_header import BadArrayError
    from worker.engine.intake.npz_source import open_npz

from pathlib import Path

from lathe.errors import Refused
from tests.fuzz.drained import SMALL, drain
from tests.fuzz.scratch import ROOM, held
from tests.fuzz.script import Script
from tests.fuzz.target import Target
from tests.fuzz.targets.npy import with_length
from tests.fuzz.zip_files import plain, zipped
from worker.engine.intake.archive import ArchiveDamagedError, ArchiveRefusedError
from worker.engine.intake.formats.arrays import content_of_arrays
from worker.engine.onnx_file.place import whole

_NAMES = (b"train/x.npy", b"train/label.npy", b"test/x.npy", b"train/x", b"x.npy", b"../a.npy")
_TYPES = ("<f4", ">f4", "<i8", "|b1", "|u1", "<f2", ">i2", "O", "<c8", "<f8")
_SHAPES = ("(2, 3)", "(2,)", "(3, 2)", "()", "(0,)", "(2, 3, 1)", "(-1,)", "(4294967296, 2)")


def _one(data: bytes) -> None:
    file = data[1:]
    if data[:1] >= b"\x20":
        script = Script(data[1:])
        arrays = [_array(script) for _ in range(1 + script.below(3))]
        file = zipped(script, _NAMES, arrays)
    with open_npz(whole(held(file)), Path(ROOM).absolute(), SMALL) as sources:
        drain(content_of_arrays("npz", sources))


def _array(script: Script) -> bytes:
    told = script.byte()
    if told < 32:
        header = script.piece()
    else:
        kind, shape = _TYPES[script.below(len(_TYPES))], _SHAPES[script.below(len(_SHAPES))]
        fortran = bool(told & 1)
        text = f"{{'descr': '{kind}', 'fortran_order': {fortran}, 'shape': {shape}}}"
        header = text.encode()
    values = script.piece() if told & 2 else bytes(script.byte())
    return with_length(header, 1 + told % 3) + values


def _seeds() -> Iterator[bytes]:
    array = with_length(b"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }")
    yield b"\0" + plain(b"train/x.npy", array + bytes(24))
    for number in range(len(_TYPES)):
        for fortran in (0x40, 0x41):
            # two arrays, (2, 3) and (2,), in two members, stored
            begin = bytes([0x20, 1, fortran, number, 0, 48, 0x40, 2, 1, 16])
            yield begin + bytes([4, 0, 0, 0, 0, 0, 0, 0, 0, 4, 1, 1, 0, 0, 0, 0, 0, 0])


TARGET = Target(
    "NumPy archives",
    _one,
    _seeds,
    refusals=(BadArrayError, ArchiveDamagedError, ArchiveRefusedError, Refused),
    words=(b"'descr':", b"'shape':", b"(2, 3)", b"PK\x05\x06"),
    longest=512,
)
