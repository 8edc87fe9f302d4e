"""How much of the disk a living child's files take, those included that it has deleted and
still holds open or mapped."""

import errno
import os
import re
import stat
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from worker.sandbox.vitals import living_thread

_BLOCK_BYTES = 512
_DEEPEST = 64  # folders in folders; the engine makes three
_DELETED = re.compile(
    r"^(?P<start>[0-9a-f]+)-(?P<end>[0-9a-f]+) \S+ (?P<offset>[0-9a-f]+) (?P<device>\S+) "
    r"(?P<inode>\d+) +(?P<path>.*) \(deleted\)$",
    re.MULTILINE,
)


class Unmeasurable(Exception):  # noqa: N818 - what was found
    """The folder holds what cannot be added up."""


@dataclass(frozen=True, slots=True)
class Occupied:
    """`files` counts folders, too."""

    size_bytes: int
    files: int


def occupied(folder: Path, but: Path, pid: int, most_files: int) -> Occupied:
    """What lies below `folder` without `but`, and what `pid` holds of it after deleting it.

    Stops counting behind `most_files`. A file counts with its size or its blocks, whichever is
    more: what is sparse here is written out where it is stored. Raises Unmeasurable for folders
    that are too deep, or that were made unreadable.
    """
    size_bytes, files = _below(folder, but, most_files)
    thread = living_thread(pid)
    held = {} if thread is None else _mapped(folder, thread) | _open(thread)
    return Occupied(size_bytes + sum(held.values()), files + len(held))


def _below(folder: Path, but: Path, most_files: int) -> tuple[int, int]:
    size_bytes, files, waiting = 0, 0, [(folder, 0)]
    while waiting and files <= most_files:
        place, depth = waiting.pop()
        if depth > _DEEPEST:
            raise Unmeasurable(f"folders lie more than {_DEEPEST} deep in each other")
        try:
            found = _listed(place, but, most_files)
        except FileNotFoundError:  # deleted meanwhile
            continue
        except OSError as error:
            if error.errno not in {errno.EACCES, errno.ENAMETOOLONG}:
                raise
            raise Unmeasurable(f"a folder in it cannot be read ({error.strerror})") from error
        files += len(found)
        size_bytes += sum(_size(each) for _, each in found)
        waiting += [(path, depth + 1) for path, each in found if stat.S_ISDIR(each.st_mode)]
    return size_bytes, files


def _listed(place: Path, but: Path, most: int) -> list[tuple[Path, os.stat_result]]:
    with os.scandir(place) as entries:
        first = islice(entries, most + 1)
        pairs = [(Path(entry.path), _found(entry)) for entry in first]
    return [(path, found) for path, found in pairs if found is not None and path != but]


def _found(entry: os.DirEntry[str]) -> os.stat_result | None:
    try:
        return entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None


def _size(found: os.stat_result) -> int:
    return max(found.st_size, found.st_blocks * _BLOCK_BYTES)


def _open(thread: Path) -> dict[tuple[str, int], int]:
    """Size of each deleted file that the child has open, by device and inode. Its threads
    share what is open: `syscalls` beside this file refuses to do it apart."""
    held = {}
    for link in _descriptors(thread):
        try:
            found = link.stat()
        except OSError:  # closed meanwhile
            continue
        if stat.S_ISREG(found.st_mode) and found.st_nlink == 0:
            device = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}"
            held[device, found.st_ino] = _size(found)
    return held


def _descriptors(thread: Path) -> list[Path]:
    try:
        return list((thread / "fd").iterdir())
    except (FileNotFoundError, ProcessLookupError):  # the child is gone
        return []


def _mapped(folder: Path, thread: Path) -> dict[tuple[str, int], int]:
    """The same of each deleted file below `folder` that is mapped, as far as it is mapped."""
    try:
        maps = (thread / "maps").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return {}
    held: dict[tuple[str, int], int] = {}
    for line in _DELETED.finditer(maps):
        if not line["path"].startswith(f"{folder}/"):
            continue
        key = line["device"], int(line["inode"])
        end = int(line["offset"], 16) + int(line["end"], 16) - int(line["start"], 16)
        held[key] = max(held.get(key, 0), end)
    return held
