"""A new object of an S3 bucket, sent in parts."""

import obstore
from obstore.store import S3Store

from lathe.errors import Refused

_PART_BYTES = 8 << 20
_PARTS_AT_ONCE = 4


class BucketParts:
    """Takes bytes until `close` makes the object, or `discard` makes it nothing.

    Below 8 MiB an object is one request, above it goes up in parts of 8 MiB. An upload whose
    process dies leaves its parts unfinished in the bucket: give the bucket a lifecycle rule
    that ends those after a day.
    """

    def __init__(self, store: S3Store, key: str) -> None:
        self._store, self._key, self._closing = store, key, False
        self._writer = obstore.open_writer(
            store, key, buffer_size=_PART_BYTES, max_concurrency=_PARTS_AT_ONCE
        )

    def write(self, data: bytes | memoryview) -> None:
        """Add `data`; waits while four parts are on their way.

        The library keeps what it is given until it is sent (obstore 0.12.1), and the caller
        uses its buffer again: so this is a copy.
        """
        self._writer.write(bytes(data))

    def close(self) -> None:
        """Wait for the parts and make the object."""
        self._closing = True
        self._writer.close()

    def discard(self) -> None:
        """Leave nothing, whether `close` was called or not."""
        if self._closing:
            obstore.delete(self._store, self._key)
        else:
            self._writer.__exit__(Refused, None, None)
