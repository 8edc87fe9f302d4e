"""Rows that mean nothing after a while and that nothing refers to."""

from sqlalchemy import ColumnElement, Select, case, delete, select, tuple_, update
from sqlalchemy.orm import Session

from app.store.clock import db_month_start, db_now, db_now_plus
from app.store.quotas.minutes import over_before
from app.store.rows import Attempt, Audit, Base, IdempotencyKey, PageSession, Webhook

BATCH = 500


def forget_page_sessions(session: Session) -> int:
    """Delete what browsers were signed in with that is over."""
    return _delete(session, PageSession, PageSession.expires_at <= db_now())


def forget_idempotency_keys(session: Session, older_s: float) -> int:
    """Delete keys that made a job so long ago; who sends one again makes another."""
    return _delete(session, IdempotencyKey, IdempotencyKey.created_at < db_now_plus(-older_s))


def forget_audit(session: Session, older_s: float) -> int:
    """Delete the traces of writes so long ago."""
    return _delete(session, Audit, Audit.at < db_now_plus(-older_s))


def forget_attempts(session: Session, older_s: float) -> int:
    """Delete when jobs ran so long ago; never what minutes of this month are counted from."""
    cut, month = db_now_plus(-older_s), db_month_start()
    return _delete(session, Attempt, over_before(case((cut < month, cut), else_=month)))


def forget_former_secrets(session: Session) -> int:
    """Take away the secrets of webhooks that no longer sign."""
    ended = select(Webhook.id).where(Webhook.former_secret_until <= db_now())
    ids = session.scalars(_some(ended).with_for_update(skip_locked=True, of=Webhook)).all()
    if ids:
        session.execute(
            update(Webhook)
            .where(Webhook.id.in_(ids))
            .values(former_secret=None, former_secret_until=None)
            .execution_options(synchronize_session=False)
        )
    return len(ids)


def _delete(session: Session, row: type[Base], which: ColumnElement[bool]) -> int:
    key = list(row.__table__.primary_key)
    statement = _some(select(*key).where(which)).with_for_update(skip_locked=True, of=row)
    found = [tuple(each) for each in session.execute(statement)]
    if found:
        session.execute(
            delete(row)
            .where(tuple_(*key).in_(found))
            .execution_options(synchronize_session=False)
        )
    return len(found)


def _some(statement: Select[*tuple[object, ...]]) -> Select[*tuple[object, ...]]:
    return statement.limit(BATCH)
