"""One object while it is being written: limited, hashed, and gone if it is not finished."""

import hashlib
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from obstore.store import LocalStore, S3Store

from app.store.blobs.bucket_parts import BucketParts
from app.store.blobs.folder_file import FolderFile
from app.store.blobs.object_errors import object_errors
from lathe.errors import Refused, TooLarge


@dataclass(frozen=True)
class Written:
    """What ended up in the store."""

    size_bytes: int
    sha256: str


class Sink:
    """Takes bytes until `finish` makes them an object, or `abort` makes them nothing.

    The calls may come from different threads, `abort` even while another is at work.
    """

    def __init__(self, store: LocalStore | S3Store, key: str, max_bytes: int | None) -> None:
        self._store, self._key, self._max_bytes = store, key, max_bytes
        self._digest, self._size_bytes = hashlib.sha256(), 0
        self._lock, self._aborted = threading.Lock(), False
        self._target: FolderFile | BucketParts | None = None

    def write(self, data: bytes | memoryview) -> None:
        """Add `data`; raises TooLarge over the limit, OutOfDisk, Unavailable."""
        with self._lock, object_errors(self._store):
            self._size_bytes += len(data)
            if self._max_bytes is not None and self._size_bytes > self._max_bytes:
                raise TooLarge(f"the body is over the limit of {self._max_bytes} bytes")
            if not self._aborted:
                self._digest.update(data)
                self._opened().write(data)

    def finish(self) -> Written:
        """Make the object; on a local disk it is on the disk when this returns."""
        with self._lock, object_errors(self._store):
            self._opened().close()
        return Written(self._size_bytes, self._digest.hexdigest())

    def abort(self) -> None:
        """Leave nothing behind. Says nothing of failures: what led here is already raised."""
        with self._lock, suppress(Refused), object_errors(self._store):
            self._aborted = True
            if self._target is not None:
                self._target.discard()

    def _opened(self) -> FolderFile | BucketParts:
        """Opened by the first call that writes, so that a thread waits for it."""
        if self._target is None:
            self._target = (
                FolderFile(Path(str(self._store.prefix)), self._key)
                if isinstance(self._store, LocalStore)
                else BucketParts(self._store, self._key)
            )
        return self._target
