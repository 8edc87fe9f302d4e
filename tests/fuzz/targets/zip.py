"""Zip archives: the first byte says whether bytes are one, or a script of one."""

from collections.abc import Iterator

import atheris

with atheris.instrument_imports(
    include=["worker.engine.intake.archive", "worker.engine.intake.zip_archive"]
):
    from worker.engine.intake.archive import ArchiveDamagedError, ArchiveRefusedError
    from worker.engine.intake.zip_archive import unpack_zip

from tests.fuzz.scratch import emptied, held
from tests.fuzz.script import Script
from tests.fuzz.target import Target
from tests.fuzz.zip_files import plain, zipped
from worker.wire import Limits

LIMITS = Limits(max_bytes=1 << 20, max_members=16, max_ratio=100)
NAMES = (
    b"net.onnx", b"a/b/c", b"../up", b"/root", b"a//b", b"a/./b", b"C:x", b"dir/", b"a\\b",
    b"x/" * 100 + b"y", b"\xff\xfe", b"net.onnx/under", b"", b".", b"..",
)  # fmt: skip
CONTENTS = (b"", b"content", bytes(300), bytes(1 << 18))


def _one(data: bytes) -> None:
    archive = data[1:]
    if data[:1] >= b"\x40":
        archive = zipped(Script(data[1:]), NAMES, CONTENTS)
    path, folder = held(archive), emptied()
    placed = unpack_zip(path, folder, LIMITS)
    for name, place in placed.items():
        assert place.path == path or place.path == folder / name, name
        assert place.offset >= 0
        assert place.offset + place.size_bytes <= place.path.stat().st_size
    assert sum(place.size_bytes for place in placed.values()) <= LIMITS.max_bytes


def _seeds() -> Iterator[bytes]:
    for name in NAMES[:4]:
        yield b"\0" + plain(name, b"content")
    for number in range(len(NAMES)):
        yield bytes([0x40, 0, number, 1, 0, number + 1, 2])
        yield bytes([0x40, 4, number, 1, number, 0, 1, 0, 0, 0, 0, 4, number, 1, 1])
    yield bytes([0x40, 4, 0, 3, 1, 0, 0, 0, 0, 0])


TARGET = Target(
    "zip archives",
    _one,
    _seeds,
    refusals=(ArchiveRefusedError, ArchiveDamagedError),
    words=(b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07", b"../"),
    longest=512,
)
