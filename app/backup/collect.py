"""Delete what no row names, after a second look."""

import time
from collections.abc import Sequence

from app.backup.verify import Findings
from app.store.blobs.inventory import Listed
from app.store.blobs.objects import Objects
from app.store.db import sync_engine
from app.store.orphans import unnamed
from app.store.waits import Waits
from lathe.errors import Conflict

_STATEMENTS = 6  # of a request between its object and its commit
_BATCH = 100


def between_s(waits: Waits) -> float:
    """How long a request of the API may take from its object to its commit, twice over."""
    return 2 * (waits.connect_s + waits.pool_s + _STATEMENTS * (waits.statement_s or 0.0))


def collect(
    database_url: str, objects: Objects, found: Findings, wait_s: float
) -> Sequence[Listed]:
    """Delete the orphans that nothing names after `wait_s` either; those that are gone.

    Raises Conflict where no row names any object of the store, and Unavailable. One that is
    killed in the middle has deleted some; the next finds the rest.
    """
    if not found.orphans:
        return []
    if not found.named:
        raise Conflict(
            f"no row of this database names any of the {found.objects} objects in the store, "
            "so they are another installation's or this database is not theirs; nothing was "
            "deleted. Correct LATHE_DATABASE_URL or LATHE_OBJECTS_URL"
        )
    time.sleep(wait_s)
    gone = []
    engine = sync_engine(database_url, pool_size=1)
    try:
        for start in range(0, len(found.orphans), _BATCH):
            batch = {each.key: each for each in found.orphans[start : start + _BATCH]}
            with engine.connect().execution_options(read_only=True) as connection:
                keys = unnamed(connection, list(batch))
            for key in keys:
                objects.delete(key)
                gone.append(batch[key])
    finally:
        engine.dispose()
    return gone
