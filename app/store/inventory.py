"""What lies in an object store, whoever names it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import obstore
from obstore.store import LocalStore, S3Store


@dataclass(frozen=True, slots=True)
class Listed:
    """One object as its store lists it."""

    key: str
    size_bytes: int
    age_s: float


def inventory(store: LocalStore | S3Store) -> Iterator[Listed]:
    """Every object below the store's prefix, in no order; raises what the library raises.

    What a killed writer left in a folder is listed too; the unfinished parts of a bucket's
    upload are not.
    """
    now = datetime.now(UTC)
    for batch in obstore.list(store):
        for each in batch:
            age_s = (now - each["last_modified"]).total_seconds()
            yield Listed(each["path"], each["size"], age_s)
