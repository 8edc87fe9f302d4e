"""The second phase of deleting bytes: what nothing has used for an hour after its first."""

from collections.abc import Iterator

from sqlalchemy import ColumnElement, delete, exists, or_, select, update
from sqlalchemy.orm import Session

from app.store.clock import db_now_plus
from app.store.rows import Base, Blob

_BATCH = 100


def take_doomed(session: Session, older_than_s: float) -> list[str]:
    """Delete the rows of up to 100 blobs that were doomed `older_than_s` ago, and return the
    keys of their objects, to be deleted after the commit.

    A doomed blob that something still names is spared. In this order a crash leaves an
    object without a row, never a row without its object.
    """
    ids = session.scalars(
        select(Blob.id)
        .where(Blob.doomed_at < db_now_plus(-older_than_s))
        .order_by(Blob.doomed_at)
        .limit(_BATCH)
        .with_for_update(skip_locked=True, of=Blob)
    ).all()
    if not ids:
        return []
    named = or_(*references())
    session.execute(
        update(Blob)
        .where(Blob.id.in_(ids), named)
        .values(doomed_at=None)
        .execution_options(synchronize_session=False)
    )
    return list(
        session.scalars(
            delete(Blob)
            .where(Blob.id.in_(ids), ~named)
            .returning(Blob.key)
            .execution_options(synchronize_session=False)
        )
    )


def references() -> Iterator[ColumnElement[bool]]:
    """One test for every column of any table that points at blobs."""
    blob_id = Base.metadata.tables[Blob.__tablename__].c.id
    for table in Base.metadata.tables.values():
        for key in table.foreign_keys:
            if key.column is blob_id:
                yield exists().where(key.parent == Blob.id)
