"""What lies in an object store, whoever names it."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import obstore
from obstore.store import LocalStore, S3Store

from app.store.blobs.object_errors import object_errors

_WINDOW_BYTES = 8 << 20


@dataclass(frozen=True, slots=True)
class Listed:
    """One object as its store lists it."""

    key: str
    size_bytes: int
    age_s: float


def inventory(store: LocalStore | S3Store) -> Iterator[Listed]:
    """Every object below the store's prefix, in no order; raises Unavailable.

    What a killed writer left in a folder is listed too; the unfinished parts of a bucket's
    upload are not.
    """
    now = datetime.now(UTC)
    with object_errors(store):
        for batch in obstore.list(store):
            for each in batch:
                age_s = (now - each["last_modified"]).total_seconds()
                yield Listed(each["path"], each["size"], age_s)


def digest(store: LocalStore | S3Store, key: str) -> str:
    """The sha256 of an object's bytes as they are read now; raises Missing, Unavailable.

    Each window is a request of its own, as the store's timeout is that of a whole request.
    """
    found = hashlib.sha256()
    with object_errors(store):
        size_bytes = obstore.head(store, key)["size"]
        for start in range(0, size_bytes, _WINDOW_BYTES):
            length = min(_WINDOW_BYTES, size_bytes - start)
            found.update(obstore.get_range(store, key, start=start, length=length))
    return found.hexdigest()
