"""A job's folder on this machine: locked while it is used, gone afterwards.

    <work dir>/<job>-<attempt>-<random>/   held with flock by its supervisor
        in/     task.json and the files it names; the child may only read it
        out/    what the child hands over
        tmp/    the child's scratch space
        log     the child's stdout and stderr

The kernel drops a dead supervisor's lock, so a folder that can be locked belongs to nobody.
"""

import fcntl
import logging
import os
import re
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from worker.demolish import demolish

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,199}")
_LOG_TAIL_BYTES = 4096


class Escape(Exception):  # noqa: N818 - what was tried
    """A message named a file that is not a plain file of the folder."""


@dataclass(frozen=True, slots=True)
class JobFolder:
    """The paths of one job's folder."""

    path: Path

    @property
    def inside(self) -> Path:
        """What the child reads."""
        return self.path / "in"

    @property
    def out(self) -> Path:
        """What the child writes."""
        return self.path / "out"

    @property
    def staged_bytes(self) -> int:
        """Of all files that the child reads."""
        return sum(path.stat().st_size for path in self.inside.iterdir())

    @property
    def log(self) -> Path:
        """What the child prints."""
        return self.path / "log"

    def log_tail(self) -> str:
        """The end of what the child printed."""
        with self.log.open("rb") as log:
            size = log.seek(0, os.SEEK_END)
            log.seek(max(0, size - _LOG_TAIL_BYTES))
            return log.read().decode(errors="replace")

    @contextmanager
    def handed_over(self, name: str) -> Iterator[Path]:
        """A path to the file `name` of `out/` that nobody can exchange while it is read.

        `name` is a plain name or `folder/name`. Links, hard links, special files and every
        other path raise Escape: the child is not trusted and may still run.
        """
        descriptor = _open_plain(self.out, name)
        try:
            yield Path(f"/proc/self/fd/{descriptor}")
        finally:
            os.close(descriptor)

    def remove(self, name: str) -> None:
        """Delete the file `name`, a plain name, of `out/`; a link is deleted, not followed.
        Raises Escape for anything else."""
        if not _NAME.fullmatch(name):
            raise Escape(f"{name!r} is no plain name")
        place = os.open(self.out, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.unlink(name, dir_fd=place)
        except OSError as error:
            raise Escape(f"{name!r} cannot be deleted: {error.strerror}") from error
        finally:
            os.close(place)


def _open_plain(folder: Path, name: str) -> int:
    parts = name.split("/")
    if len(parts) > 2 or not all(_NAME.fullmatch(part) for part in parts):  # noqa: PLR2004 - folder/name
        raise Escape(f"{name!r} is neither a plain name nor folder/name")
    place = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in parts[:-1]:
            flags = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
            deeper = os.open(part, flags, dir_fd=place)
            os.close(place)
            place = deeper
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(parts[-1], flags, dir_fd=place)
    except OSError as error:
        raise Escape(f"{name!r} is not a file in out/: {error.strerror}") from error
    finally:
        os.close(place)
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
        os.close(descriptor)
        raise Escape(f"{name!r} is a link or no regular file")
    return descriptor


@contextmanager
def job_folder(work_dir: Path, job_id: str, attempt: int) -> Iterator[JobFolder]:
    """A fresh, locked folder that is removed at the end, whatever happened."""
    work_dir.mkdir(parents=True, exist_ok=True)
    while True:
        path = Path(tempfile.mkdtemp(prefix=f"{job_id}-{attempt}-", dir=work_dir)).resolve()
        lock = _lock(path)
        if lock is not None:
            break
    folder = JobFolder(path)
    try:
        for part in (folder.inside, folder.out, path / "tmp"):
            part.mkdir(mode=0o700)
        folder.log.touch(mode=0o600)
        yield folder
    finally:
        _remove(path)
        os.close(lock)


def remove_left_overs(work_dir: Path) -> int:
    """Remove the folders that no living supervisor holds; returns how many."""
    removed = 0
    for path in sorted(work_dir.glob("job_*-*-*")) if work_dir.is_dir() else ():
        lock = _lock(path)
        if lock is None:
            continue
        try:
            _remove(path)
            removed += 1
        finally:
            os.close(lock)
    return removed


def _lock(path: Path) -> int | None:
    """The lock on a folder that still exists, or None when another process has it."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:  # somebody removed it first
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if path.lstat().st_ino == os.fstat(descriptor).st_ino:
            return descriptor
    except OSError:  # held, or removed while we waited
        pass
    os.close(descriptor)
    return None


def _remove(path: Path) -> None:
    try:
        demolish(path)
    except OSError as error:
        logging.getLogger(__name__).warning("cannot remove %s: %s", path, error)
