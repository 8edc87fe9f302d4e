"""Tar archives, plain and gzipped: the checksum of every header is put right."""

import gzip
import io
import tarfile
import zlib
from collections.abc import Iterator

import atheris

with atheris.instrument_imports(
    include=["worker.engine.intake.archive", "worker.engine.intake.tar_archive"]
):
    from worker.engine.intake.archive import ArchiveDamagedError, ArchiveRefusedError
    from worker.engine.intake.tar_archive import unpack_tar

from tests.fuzz.scratch import emptied, held
from tests.fuzz.target import Target
from worker.wire import Limits

LIMITS = Limits(max_bytes=1 << 20, max_members=16, max_ratio=100)
_BLOCK, _SUM_AT, _SUM_BYTES = 512, 148, 8


def _one(data: bytes) -> None:
    mode, archive = data[:1], data[1:]
    gzipped = mode >= b"\x80"
    if mode >= b"\x20":
        archive = _summed(archive)
    if mode >= b"\xa0":
        deflate = zlib.compressobj(0, zlib.DEFLATED, 31)
        archive = deflate.compress(archive) + deflate.flush()
    path, folder = held(archive), emptied()
    for name, place in unpack_tar(path, folder, LIMITS, gzipped=gzipped).items():
        assert place.path == (folder / name if gzipped else path)
        assert place.offset >= 0
        assert place.offset + place.size_bytes <= place.path.stat().st_size


def _summed(archive: bytes) -> bytes:
    """With right checksums in every block that looks like a header."""
    blocks = bytearray(archive)
    for at in range(0, len(blocks) - _BLOCK + 1, _BLOCK):
        if blocks[at + 257 : at + 262] == b"ustar":
            place = slice(at + _SUM_AT, at + _SUM_AT + _SUM_BYTES)
            blocks[place] = b" " * _SUM_BYTES
            blocks[place] = b"%06o\0 " % sum(blocks[at : at + _BLOCK])
    return bytes(blocks)


def _seeds() -> Iterator[bytes]:
    for form in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        for kind in (tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.DIRTYPE, tarfile.LNKTYPE):
            for name in ("net.onnx", "a/" * 60 + "b", "../é"):
                archive = _archive(form, kind, name)
                yield b"\x20" + archive
                yield b"\xa0" + archive
    yield b"\0" + _archive(tarfile.GNU_FORMAT, tarfile.REGTYPE, "x")
    yield b"\x80" + gzip.compress(_archive(tarfile.GNU_FORMAT, tarfile.REGTYPE, "x"), mtime=0)


def _archive(form: int, kind: bytes, name: str) -> bytes:
    with io.BytesIO() as file:
        with tarfile.open(fileobj=file, mode="w", format=form) as archive:
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "target"
            content = b"content" if kind == tarfile.REGTYPE else b""
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        return file.getvalue().rstrip(b"\0") + bytes(1024)


TARGET = Target(
    "tar archives",
    _one,
    _seeds,
    refusals=(ArchiveRefusedError, ArchiveDamagedError),
    words=(
        b"ustar\x00", b"ustar  \x00", b"././@LongLink", b"GNU.sparse.map=0,1", b"size=",
        b"path=", b"\x80\x00\x00\x00", b"77777777777\x00", b"-1",
    ),
    longest=4096,
)  # fmt: skip
