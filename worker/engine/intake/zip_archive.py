"""Zip files: the directory is checked before it is read, then each member's name and kind."""

import errno
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
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
from worker.engine.intake.formats.window import window
from worker.engine.onnx_file.place import Place, whole
from worker.wire import Limits

END = b"PK\x05\x06"
END_BYTES = 22
END64 = b"PK\x06\x06"
LOCATOR64 = b"PK\x06\x07"
LONGEST_COMMENT_BYTES = 0xFFFF
HEADER_BYTES, NAME_LENGTH_AT = 30, 26  # of one member
ENTRY_BYTES = 46 + 2048  # a directory entry with a generous name, extra field and comment
ENCRYPTED = 0x1
METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
# zipfile raises NotImplementedError for a version or a method that it does not know, and
# UnicodeDecodeError for a name in a member's own header
DAMAGE = (
    zipfile.BadZipFile, zlib.error, EOFError, struct.error, NotImplementedError,
    UnicodeDecodeError,
)  # fmt: skip


@contextmanager
def damage_named() -> Iterator[None]:
    """Turn what zipfile raises for broken bytes into ArchiveDamagedError."""
    try:
        yield
    except DAMAGE as error:
        raise ArchiveDamagedError(str(error) or type(error).__name__) from error
    except OSError as error:
        if error.errno != errno.EINVAL:  # an offset before the start of the file
            raise
        raise ArchiveDamagedError("a member does not lie where it must") from error


@contextmanager
def open_zip(place: Place, limits: Limits) -> Iterator[zipfile.ZipFile]:
    """The archive, once its directory is known to be small enough to be read."""
    with window(place) as file:
        with damage_named():
            _check_directory(file, place.size_bytes, limits)
            try:
                archive = zipfile.ZipFile(file)
            except (ValueError, OSError) as error:  # an offset or a name that makes no sense
                raise ArchiveDamagedError("its directory makes no sense") from error
        with archive:
            yield archive


def members(archive: zipfile.ZipFile, budget: Budget) -> dict[str, zipfile.ZipInfo]:
    """The plain files of the archive by their normalised name; refuses everything unsafe."""
    found = {}
    for info in archive.infolist():
        name = plain_name(info.filename.rstrip("/"))
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
            raise ArchiveRefusedError(f"{name!r} is a link or a device, not a file")
        if info.flag_bits & ENCRYPTED:
            raise ArchiveRefusedError(f"{name!r} is encrypted")
        if info.compress_type not in METHODS:
            raise ArchiveRefusedError(f"{name!r} is neither stored nor deflated")
        budget.admit(name, info.file_size, info.compress_size)
        if not info.is_dir():
            found[name] = info
    return found


def unpack_zip(path: Path, folder: Path, limits: Limits) -> dict[str, Place]:
    """The files by their name in the archive: unpacked below `folder`, or where they lie in
    the archive if they are stored as they are.

    Raises ArchiveRefusedError for what is unsafe, ArchiveDamagedError for what is broken.
    """
    budget = Budget(limits, path.stat().st_size)
    with damage_named(), open_zip(whole(path), limits) as archive:
        placed = {}
        for name, info in members(archive, budget).items():
            with archive.open(info) as member:
                content = chunks(member, name, info.file_size, budget)  # type: ignore[arg-type]
                if info.compress_type == zipfile.ZIP_STORED:
                    passed(content)
                    placed[name] = Place(path, _begin(path, info), info.file_size)
                else:
                    placed[name] = unpacked(folder, name, content)
        return placed


def _begin(path: Path, info: zipfile.ZipInfo) -> int:
    """Where a member's bytes begin: behind its own header, name and extra field."""
    with path.open("rb") as file:
        file.seek(info.header_offset + NAME_LENGTH_AT)
        name_bytes, extra_bytes = struct.unpack("<HH", file.read(4))
    return int(info.header_offset + HEADER_BYTES + name_bytes + extra_bytes)


def _check_directory(file: BinaryIO, size: int, limits: Limits) -> None:
    """Refuse by count and size of the directory: zipfile reads all of it at once."""
    file.seek(max(0, size - END_BYTES - LONGEST_COMMENT_BYTES - 76))
    tail = file.read()
    at = tail.rfind(END)
    if at < 0:
        raise ArchiveDamagedError("the end of the zip file is missing")
    count, directory_bytes = struct.unpack_from("<HI", tail, at + 10)
    at64 = tail.rfind(END64, 0, at)
    if at64 >= 0 and tail.find(LOCATOR64, at64, at) >= 0:
        count, directory_bytes = struct.unpack_from("<QQ", tail, at64 + 32)
    if count > limits.max_members:
        raise ArchiveRefusedError(f"it holds {count} members; {limits.max_members} are allowed")
    if directory_bytes > limits.max_members * ENTRY_BYTES:
        raise ArchiveRefusedError("its directory is far too large for its members")
