"""Objects that no row names: left by a process that was killed between writing an object and
committing the row that names it.

An object without a row may also be one whose row is about to come. So it is nobody's only when

- it is a day old: requests commit within minutes of writing;
- it is older than every attempt that runs, however long: a worker may store several large files
  before the one transaction that names them, and an attempt that has ended writes no row more;
- it had no row at two looks, some time apart: a bucket dates an object of many parts back to
  the moment its upload began, which for a slow client is days before it was whole.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, func, select
from sqlalchemy.orm import Session

from app.store.clock import db_now, seconds_between
from app.store.rows import Blob, DeadObject, Job, Upload, UploadPart
from lathe.states import JobState

LEAST_AGE_S = 86_400.0
NAMING = (Blob.key, Upload.stage_key, Upload.key, UploadPart.key, DeadObject.key)
_CLOCKS_S = 3600.0  # so much may the store's clock differ from the database's
_BATCH = 500


def unnamed(connection: Connection | Session, keys: Sequence[str]) -> list[str]:
    """Those of `keys` that no row names; reads only."""
    named: set[str] = set()
    for start in range(0, len(keys), _BATCH):
        batch = keys[start : start + _BATCH]
        for column in NAMING:
            named |= set(connection.scalars(select(column).where(column.in_(batch))))
    return [key for key in keys if key not in named]


def settled_s(connection: Connection | Session, least_s: float = LEAST_AGE_S) -> float:
    """How old an object must be to be nobody's: no attempt that runs has written it."""
    oldest = select(seconds_between(db_now(), func.min(Job.started_at))).where(
        Job.state == JobState.RUNNING
    )
    longest_s = connection.scalar(oldest)
    return least_s if longest_s is None else max(least_s, longest_s + _CLOCKS_S)
