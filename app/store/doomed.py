"""The second phase of deleting bytes: what nothing has used for an hour after its first."""

from collections.abc import Iterator

from sqlalchemy import ColumnElement, delete, exists, or_, select, update
from sqlalchemy.orm import Session

from app.store.clock import db_now_plus
from app.store.dead_objects import BATCH, bury
from app.store.rows import Base, Blob


def take_doomed(session: Session, older_than_s: float) -> int:
    """Delete the rows of up to 100 blobs that were doomed `older_than_s` ago, and bury their
    objects; returns how many were looked at.

    A doomed blob that something still names is spared. Who uploads the same bytes meanwhile
    waits for the row's lock: it finds the blob spared, or none and makes another.
    """
    ids = session.scalars(
        select(Blob.id)
        .where(Blob.doomed_at < db_now_plus(-older_than_s))
        .order_by(Blob.doomed_at)
        .limit(BATCH)
        .with_for_update(skip_locked=True, of=Blob)
    ).all()
    if not ids:
        return 0
    named = or_(*references())
    session.execute(
        update(Blob)
        .where(Blob.id.in_(ids), named)
        .values(doomed_at=None)
        .execution_options(synchronize_session=False)
    )
    keys = session.scalars(
        delete(Blob)
        .where(Blob.id.in_(ids), ~named)
        .returning(Blob.key)
        .execution_options(synchronize_session=False)
    ).all()
    bury(session, keys)
    return len(ids)


def references() -> Iterator[ColumnElement[bool]]:
    """One test for every column of any table that points at blobs."""
    blob_id = Base.metadata.tables[Blob.__tablename__].c.id
    for table in Base.metadata.tables.values():
        for key in table.foreign_keys:
            if key.column is blob_id:
                yield exists().where(key.parent == Blob.id)
