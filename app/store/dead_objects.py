"""Objects that nothing names any more, on their way out of the store."""

from collections.abc import Iterable, Sequence

from sqlalchemy import Delete, Select, Update, delete, select, update
from sqlalchemy.orm import Session

from app.store.clock import db_now
from app.store.rows import DeadObject
from app.store.upsert import upsert

BATCH = 100


def bury(session: Session, keys: Iterable[str], *, with_all_below: bool = False) -> None:
    """Note down, in the transaction that forgets these objects, that they are to go. Keys are
    random and never used twice, so nothing that is stored later is meant."""
    rows = [{"key": key, "with_all_below": with_all_below, "at": db_now()} for key in keys]
    for row in rows:
        session.execute(upsert(session, DeadObject).values(**row).on_conflict_do_nothing())


def waiting() -> Select[DeadObject]:
    """Those that wait longest."""
    return select(DeadObject).order_by(DeadObject.at).limit(BATCH)


def gone(keys: Sequence[str]) -> Delete:
    """The store has deleted them."""
    return (
        delete(DeadObject)
        .where(DeadObject.key.in_(keys))
        .execution_options(synchronize_session=False)
    )


def put_off(keys: Sequence[str]) -> Update:
    """The store did not; others go first the next time."""
    return (
        update(DeadObject)
        .where(DeadObject.key.in_(keys))
        .values(at=db_now())
        .execution_options(synchronize_session=False)
    )
