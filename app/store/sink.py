"""One object while it is being written: limited, hashed, and gone if it is not finished."""

import hashlib
import os
import threading
from contextlib import suppress
from dataclasses import dataclass

import obstore
from obstore.store import LocalStore, S3Store

from app.store.object_errors import object_errors
from lathe.errors import Refused, TooLarge

_PART_BYTES = 8 << 20
_PARTS_AT_ONCE = 4


@dataclass(frozen=True)
class Written:
    """What ended up in the store."""

    size_bytes: int
    sha256: str


class Sink:
    """Takes bytes until `finish` makes them an object, or `abort` makes them nothing.

    Below 8 MiB an object is one request, above it goes up in parts of 8 MiB. The calls may
    come from different threads, `abort` even while another is at work. An upload whose
    process dies leaves its parts unfinished in the bucket: give the bucket a lifecycle rule
    that ends those after a day.
    """

    def __init__(self, store: LocalStore | S3Store, key: str, max_bytes: int | None) -> None:
        self._store, self._key, self._max_bytes = store, key, max_bytes
        self._digest, self._size_bytes = hashlib.sha256(), 0
        self._lock, self._closing, self._aborted = threading.Lock(), False, False
        self._writer = obstore.open_writer(
            store, key, buffer_size=_PART_BYTES, max_concurrency=_PARTS_AT_ONCE
        )

    def write(self, data: bytes) -> None:
        """Add `data`; raises TooLarge over the limit, OutOfDisk, Unavailable."""
        with self._lock, object_errors():
            self._size_bytes += len(data)
            if self._max_bytes is not None and self._size_bytes > self._max_bytes:
                raise TooLarge(f"the body is over the limit of {self._max_bytes} bytes")
            if not self._aborted:
                self._digest.update(data)
                self._writer.write(data)

    def finish(self) -> Written:
        """Make the object; on a local disk it is on the disk when this returns."""
        with self._lock, object_errors():
            self._closing = True
            self._writer.close()
            if isinstance(self._store, LocalStore):
                self._to_disk(self._store)
        return Written(self._size_bytes, self._digest.hexdigest())

    def abort(self) -> None:
        """Leave nothing behind. Says nothing of failures: what led here is already raised."""
        with self._lock, suppress(Refused), object_errors():
            self._aborted = True
            if self._closing:
                obstore.delete(self._store, self._key)
            else:
                self._writer.__exit__(Refused, None, None)

    def _to_disk(self, store: LocalStore) -> None:
        file = os.open(f"{store.prefix}/{self._key}", os.O_RDONLY)
        try:
            os.fsync(file)
        finally:
            os.close(file)
