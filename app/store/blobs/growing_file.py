"""A file of the object folder that is written to by one process after another.

Its size is how much there is of it: no second truth can disagree after a crash. Whoever adds
to it holds its lock (flock(2)), which the kernel takes back from a process that dies.
"""

import fcntl
import hashlib
import os
import threading
from contextlib import ExitStack
from pathlib import Path

from app.store.blobs.made_folder import made_folder
from app.store.blobs.object_errors import object_errors
from app.store.blobs.push import Push
from app.store.blobs.running_digest import RunningDigest
from app.store.blobs.write_all import write_all
from lathe.errors import Locked, Missing

_MODE = 0o666  # less the umask
_WINDOW_BYTES = 1 << 20


class GrowingFile:
    """Open for adding. What was added before an error, a full disk or a kill stays.

    The calls may come from different threads; `close` waits for a `write` that is at work,
    whose asker may have gone.
    """

    def __init__(self, root: Path, key: str) -> None:
        """The file is made where it is not there; raises Locked, Missing, Unavailable."""
        path = root / key
        with object_errors():
            folder = made_folder(root, path.parent)
            try:
                flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
                self._file = os.open(path.name, flags, _MODE, dir_fd=folder)
                os.fsync(folder)
            finally:
                os.close(folder)
        with ExitStack() as unless_locked:
            unless_locked.callback(os.close, self._file)
            self.size_bytes = self._locked()
            unless_locked.pop_all()
        self._push = Push(self._file, self.size_bytes)
        self._at_work, self._closed = threading.Lock(), False
        self.digest: RunningDigest | None = None

    def write(self, data: bytes | memoryview) -> None:
        """Add `data`; raises OutOfDisk, Unavailable, and ValueError after `close`."""
        with self._at_work:
            if self._closed:
                raise ValueError("the file is closed")
            try:
                with object_errors():
                    self._push.written(write_all(self._file, data))
            finally:
                self.size_bytes = os.fstat(self._file).st_size
            if self.digest is not None:
                self.digest.add(data)

    def sync(self) -> None:
        """What was added is on the disk when this returns; raises OutOfDisk, Unavailable."""
        with object_errors():
            os.fdatasync(self._file)

    def close(self) -> None:
        """Let others add to it."""
        with self._at_work:
            if not self._closed:
                self._closed = True
                os.close(self._file)

    def _locked(self) -> int:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Locked(
                "another request is sending bytes of this upload; retry in a moment"
            ) from None
        found = os.fstat(self._file)
        if found.st_nlink == 0:
            raise Missing("the upload was deleted meanwhile")
        return found.st_size


def size_of(root: Path, key: str) -> int:
    """How much there is of the file so far."""
    try:
        return (root / key).stat().st_size
    except FileNotFoundError:
        return 0


def digest_of(root: Path, key: str) -> str:
    """The sha256 of the file as it is read now; raises Missing, Unavailable."""
    found = hashlib.sha256()
    with object_errors(), (root / key).open("rb", buffering=0) as file:
        room = memoryview(bytearray(_WINDOW_BYTES))
        while size_bytes := file.readinto(room):
            found.update(room[:size_bytes])
    return found.hexdigest()
