"""Delete a folder whatever a child has made of it.

Folders in folders can lie deeper than recursion, open files or path names reach. So each is
moved to the top before it is emptied: nothing here goes deeper than two.
"""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

_AT_ONCE = 1000  # entries in memory
_OWN = 0o700  # a child may have made a folder that is closed to its own user


def demolish(folder: Path) -> None:
    """Delete `folder` and all below it; links are deleted, not followed. Nobody else may be
    working in it. Raises OSError."""
    with _opened(str(folder), None) as top:
        waiting = _emptied(top, top, list(_entries(top)))
        while waiting:
            name = waiting.pop()
            with _opened(name, top) as place:
                while entries := _some(place):
                    waiting += _emptied(place, top, entries)
            os.rmdir(name, dir_fd=top)
    folder.rmdir()


def _emptied(place: int, top: int, entries: list[tuple[str, bool]]) -> list[str]:
    """Delete the files among the entries of `place`; the names under which its folders now
    lie in `top`."""
    folders = []
    for name, is_folder in entries:
        if not is_folder:
            os.unlink(name, dir_fd=place)
        elif place == top:
            folders.append(name)
        else:
            os.chmod(name, _OWN, dir_fd=place)  # a folder that moves is written to
            folders.append(uuid.uuid4().hex)
            os.rename(name, folders[-1], src_dir_fd=place, dst_dir_fd=top)
    return folders


def _some(place: int) -> list[tuple[str, bool]]:
    return list(islice(_entries(place), _AT_ONCE))


def _entries(place: int) -> Iterator[tuple[str, bool]]:
    """(name, whether it is a folder)."""
    with os.scandir(place) as entries:
        for entry in entries:
            yield entry.name, entry.is_dir(follow_symlinks=False)


@contextmanager
def _opened(name: str, inside: int | None) -> Iterator[int]:
    os.chmod(name, _OWN, dir_fd=inside)
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    place = os.open(name, flags, dir_fd=inside)
    try:
        yield place
    finally:
        os.close(place)
