"""Unpacking an archive that may be hostile, by counting what really comes out.

Only plain files and folders with plain relative names are unpacked. What a header declares
is checked first, but the running byte count decides: per member, in total, and in relation
to the packed size.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from worker.engine.onnx_file.place import Place, whole
from worker.wire import Limits

CHUNK_BYTES = 1 << 20
RATIO_FREE_BYTES = 1 << 20  # below this a high ratio is harmless
MAX_NAME_BYTES = 1024
MAX_PART_BYTES = 255  # what a file system takes
DRIVE = re.compile(r"^[A-Za-z]:")


class ArchiveRefusedError(ValueError):
    """The archive is not safe to unpack; the message says which member and why."""


class ArchiveDamagedError(ValueError):
    """The archive cannot be read to its end."""


@dataclass(slots=True)
class Budget:
    """Counts members and unpacked bytes of one archive against the limits."""

    limits: Limits
    packed_bytes: int
    members: int = 0
    declared_bytes: int = 0
    unpacked_bytes: int = 0
    names: set[str] = field(default_factory=set)

    def admit(self, name: str, declared_bytes: int, packed_bytes: int | None) -> None:
        """Refuse a member by what its header says, before anything of it is read."""
        if declared_bytes < 0:
            raise ArchiveRefusedError(f"{name!r} declares a negative size")
        self.members += 1
        if self.members > self.limits.max_members:
            raise ArchiveRefusedError(f"it holds more than {self.limits.max_members} members")
        if name in self.names:
            raise ArchiveRefusedError(f"it holds {name!r} twice")
        self.names.add(name)
        self.declared_bytes += declared_bytes
        self._within(name, self.declared_bytes)
        if packed_bytes is not None:
            self._ratio(f"{name!r} unfolds", declared_bytes, packed_bytes)

    def count(self, name: str, chunk_bytes: int) -> None:
        """Add what was really unpacked; refuse as soon as a limit is passed."""
        self.unpacked_bytes += chunk_bytes
        self._within(name, self.unpacked_bytes)
        self._ratio("it unfolds", self.unpacked_bytes, self.packed_bytes)

    def _within(self, name: str, total_bytes: int) -> None:
        if total_bytes > self.limits.max_bytes:
            raise ArchiveRefusedError(
                f"with {name!r} it unfolds to more than {self.limits.max_bytes} bytes"
            )

    def _ratio(self, what: str, unpacked_bytes: int, packed_bytes: int) -> None:
        if unpacked_bytes > max(RATIO_FREE_BYTES, packed_bytes * self.limits.max_ratio):
            raise ArchiveRefusedError(
                f"{what} to more than {self.limits.max_ratio} times its packed size"
            )


def plain_name(name: str) -> str:
    """The member's name, normalised; raises ArchiveRefusedError unless it stays inside."""
    shown = name[:100]
    if not name.isprintable() or len(name.encode()) > MAX_NAME_BYTES:
        raise ArchiveRefusedError(f"the member name {shown!r} is not a plain name")
    if "\\" in name or name.startswith("/") or DRIVE.match(name):
        raise ArchiveRefusedError(f"the member {shown!r} does not have a relative path")
    parts = PurePosixPath(name).parts
    if ".." in parts:
        raise ArchiveRefusedError(f"the member {shown!r} points outside the archive")
    if any(len(part.encode()) > MAX_PART_BYTES for part in parts):
        raise ArchiveRefusedError(f"the member name {shown!r} is too long")
    if not parts:
        raise ArchiveRefusedError("a member has no name")
    return "/".join(parts)


def chunks(source: BinaryIO, name: str, size_bytes: int, budget: Budget) -> Iterator[bytes]:
    """The member's bytes, counted while they come; exactly `size_bytes` of them."""
    left = size_bytes
    while chunk := source.read(min(CHUNK_BYTES, left + 1)):
        budget.count(name, len(chunk))
        left -= len(chunk)
        if left < 0:
            raise ArchiveRefusedError(f"{name!r} is longer than its header says")
        yield chunk
    if left:
        raise ArchiveDamagedError(f"{name!r} ends {left} bytes early")


def passed(content: Iterator[bytes]) -> None:
    """Read a member that stays in the archive to its end, for what the reading finds out."""
    for _ in content:
        pass


def unpacked(folder: Path, name: str, content: Iterator[bytes]) -> Place:
    """Write one member as a new regular file below `folder`."""
    path = folder / name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("xb")
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise ArchiveRefusedError(f"{name!r} is a file and a folder at once") from error
    with file:
        for chunk in content:
            file.write(chunk)
    return whole(path)
