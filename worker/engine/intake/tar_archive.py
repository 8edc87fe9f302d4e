"""Tar files, plain or gzipped, read as one stream from front to end."""

import gzip
import io
import tarfile
import zlib
from pathlib import Path
from typing import BinaryIO

from worker.engine.intake.archive import (
    ArchiveDamagedError,
    ArchiveRefusedError,
    Budget,
    chunks,
    passed,
    plain_name,
    unpacked,
)
from worker.engine.onnx_file.place import Place
from worker.wire import Limits

HEADER_BYTES = 1 << 20  # what may pass between two members: headers, long names, padding


class _Meter(io.RawIOBase):
    """Lets only as many unpacked bytes pass as the next header or member may have.

    tarfile holds extended headers in memory whole, at whatever size they declare.
    """

    def __init__(self, source: BinaryIO) -> None:
        self.source = source
        self.allowed_bytes = HEADER_BYTES

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        data = self.source.read(size)
        self.allowed_bytes -= len(data)
        if self.allowed_bytes < 0:
            raise ArchiveRefusedError("a header of the tar file is far too large")
        return data


def unpack_tar(path: Path, folder: Path, limits: Limits, *, gzipped: bool) -> dict[str, Place]:
    """The files by their name in the archive: unpacked below `folder`, or where they lie in
    an archive that is not gzipped.

    Raises ArchiveRefusedError for what is unsafe, ArchiveDamagedError for what is broken.
    """
    budget = Budget(limits, path.stat().st_size)
    placed: dict[str, Place] = {}
    try:
        with gzip.open(path) if gzipped else path.open("rb") as source:
            meter = _Meter(source)  # type: ignore[arg-type]
            with tarfile.open(fileobj=meter, mode="r|") as archive:
                while (member := archive.next()) is not None:
                    name = _admitted(member, budget)
                    if member.isreg():
                        meter.allowed_bytes = member.size + HEADER_BYTES
                        content = archive.extractfile(member)
                        assert content is not None  # a regular file has content
                        body = chunks(content, name, member.size, budget)  # type: ignore[arg-type]
                        if gzipped:
                            placed[name] = unpacked(folder, name, body)
                        else:
                            passed(body)
                            placed[name] = Place(path, member.offset_data, member.size)
                    meter.allowed_bytes = HEADER_BYTES
    except (tarfile.TarError, zlib.error, EOFError, gzip.BadGzipFile) as error:
        raise ArchiveDamagedError(str(error) or type(error).__name__) from error
    return placed


def _admitted(member: tarfile.TarInfo, budget: Budget) -> str:
    name = plain_name(member.name)
    if member.issparse() or not (member.isreg() or member.isdir()):
        raise ArchiveRefusedError(f"{name!r} is a link or a device, not a file")
    budget.admit(name, member.size, None)
    return name
