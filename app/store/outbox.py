"""The outbox of webhooks: a message is a row of the transaction that makes it true.

Whoever ends a job writes the message with the ending (`announce`); a courier takes one due
message at a time (`take`), sends it, and writes down how that went (`settle`). A courier that
is killed in between leaves a row that comes due again, so a message may arrive twice and is
never lost; its id tells the receiver.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, delete, literal_column, select, update
from sqlalchemy.orm import Session

from app.store.clock import db_now, db_now_plus
from app.store.rows import Delivery, Job, Webhook
from app.store.rows.base import utc_now
from app.store.tallies import count, observe
from app.store.tallies.kinds import DELIVERY_TRIES, DELIVERY_TRY
from lathe.events import PING, EventName

_BATCH = 500
# only literals find the indexes of these states
PENDING: ColumnElement[str] = literal_column("'pending'")
DEAD: ColumnElement[str] = literal_column("'dead'")
DELIVERED: ColumnElement[str] = literal_column("'delivered'")


@dataclass(frozen=True, slots=True)
class Parcel:
    """A message that was taken: what to send where, and the try that may settle it, which is
    known by its number and by the end of its lease."""

    id: str
    attempt: int
    until: datetime
    webhook_id: str
    project_id: str
    url: str
    secrets: tuple[str, ...]
    body: str
    event: str
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """How a try went: it arrived, or `error` says why not. `gone` is the receiver's 410;
    before `asked_wait_s` it wants no other try."""

    status: int | None
    error: str | None
    answer: str | None = None
    gone: bool = False
    asked_wait_s: float = 0.0
    lasted_s: float = 0.0


def announce(session: Session, job: Job, event: EventName) -> None:
    """Put the message that `job` makes true into the outbox, if its webhook wants it."""
    webhook_id = (job.spec or {}).get("webhook")
    if webhook_id is None:
        return
    wanted = select(Webhook).where(
        Webhook.id == webhook_id,
        Webhook.project_id == job.project_id,
        Webhook.disabled_at.is_(None),
    )
    # it is not deleted before our row, which refers to it, is written
    hook = session.scalar(wanted.with_for_update(read=True, key_share=True))
    if hook is not None and event in hook.events:
        told = message(hook, event, _told(job), job.id)
        told.traceparent = job.traceparent
        session.add(told)


def ping(hook: Webhook) -> Delivery:
    """A message that says nothing but that messages arrive."""
    return message(hook, PING, {"webhook": hook.id}, None)


def message(hook: Webhook, kind: str, data: dict[str, object], job_id: str | None) -> Delivery:
    """A message to `hook`, due now, in the form that Standard Webhooks asks for."""
    now = utc_now()
    body = {"type": kind, "timestamp": now.isoformat(), "data": data}
    return Delivery(
        project_id=hook.project_id,
        webhook_id=hook.id,
        job_id=job_id,
        type=kind,
        body=json.dumps(body, separators=(",", ":")),
        created_at=now,
        next_at=now - timedelta(seconds=1),  # the database's clock may be a little behind
    )


def take(
    session: Session,
    lease_s: float,
    *,
    but_not: Collection[str] = (),
    nor_of: Collection[str] = (),
) -> Parcel | None:
    """The message that is due longest, leased for `lease_s`; None when there is none.

    `but_not` leaves webhooks out, `nor_of` projects: those that have their share already.
    """
    due = due_messages(but_not, nor_of)
    while (
        row := session.scalar(due.with_for_update(skip_locked=True, of=Delivery))
    ) is not None:
        hook = session.get_one(Webhook, row.webhook_id)
        if hook.disabled_at is None:
            break
        row.state, row.last_error = "dead", "the webhook is disabled"
        session.flush()
    else:
        return None
    row.attempts += 1
    session.flush()
    leased = update(Delivery).where(Delivery.id == row.id).values(next_at=db_now_plus(lease_s))
    returned = leased.returning(Delivery.next_at)
    return Parcel(
        id=row.id,
        attempt=row.attempts,
        until=session.execute(
            returned.execution_options(synchronize_session=False)
        ).scalar_one(),
        webhook_id=hook.id,
        project_id=hook.project_id,
        url=hook.url,
        secrets=signing(hook),
        body=row.body,
        event=row.type,
        traceparent=row.traceparent,
    )


def signing(hook: Webhook) -> tuple[str, ...]:
    """The secrets that sign now: its own, and until its grace is over the one before."""
    until = hook.former_secret_until
    if hook.former_secret is None or until is None or until <= utc_now():
        return (hook.secret,)
    return (hook.secret, hook.former_secret)


def anything_due(
    session: Session, *, but_not: Collection[str] = (), nor_of: Collection[str] = ()
) -> bool:
    """Whether `take` would find something; reads only."""
    return (
        session.scalar(due_messages(but_not, nor_of).with_only_columns(Delivery.id)) is not None
    )


def settle(session: Session, parcel: Parcel, answered: Answered, retry_s: float | None) -> bool:
    """Write down how the try went; a failed one is due again in `retry_s`, or dead for None.

    False when the try was no longer this one's: another courier has it, or it was deleted.
    A receiver that is gone is told nothing more.
    """
    if answered.gone:  # who deletes a webhook locks it before its deliveries, too
        session.execute(
            select(Webhook.id).where(Webhook.id == parcel.webhook_id).with_for_update()
        )
    arrived = answered.error is None
    state = (
        "delivered" if arrived else "dead" if retry_s is None or answered.gone else "pending"
    )
    mine = (
        Delivery.id == parcel.id,
        Delivery.attempts == parcel.attempt,
        Delivery.next_at == parcel.until,  # numbers begin again with a redelivery
        Delivery.state == PENDING,
    )
    settled = _set(
        session,
        *mine,
        state=state,
        next_at=db_now_plus(retry_s or 0.0),
        last_at=db_now(),
        last_status=answered.status,
        last_error=answered.error,
        last_answer=answered.answer,
    )
    if settled:
        count(session, DELIVERY_TRIES, _outcome(answered))
        observe(session, DELIVERY_TRY, answered.lasted_s, _outcome(answered))
    if settled and answered.gone:
        _disable(session, parcel.webhook_id, "it answered 410: gone")
    return bool(settled)


def _outcome(answered: Answered) -> str:
    if answered.error is None:
        return "delivered"
    if answered.gone:
        return "gone"
    return "unanswered" if answered.status is None else "refused"


def forget(session: Session, delivered_s: float, dead_s: float) -> int:
    """Delete some of what was delivered, and of what died, so long ago; returns how many."""
    count = 0
    for state, older_s in ((DELIVERED, delivered_s), (DEAD, dead_s)):
        old = (
            select(Delivery.id)
            .where(Delivery.state == state, Delivery.created_at < db_now_plus(-older_s))
            .limit(_BATCH)
            .with_for_update(skip_locked=True, of=Delivery)
        )
        found = session.scalars(old).all()
        if found:
            gone = delete(Delivery).where(Delivery.id.in_(found))
            session.execute(gone.execution_options(synchronize_session=False))
        count += len(found)
    return count


def _disable(session: Session, webhook_id: str, because: str) -> None:
    session.execute(
        update(Webhook)
        .where(Webhook.id == webhook_id, Webhook.disabled_at.is_(None))
        .values(disabled_at=db_now(), disabled_because=because)
        .execution_options(synchronize_session=False)
    )
    waiting = (Delivery.webhook_id == webhook_id, Delivery.state == PENDING)
    _set(session, *waiting, state="dead", last_error="the webhook is disabled")


def due_messages(
    but_not: Collection[str] = (), nor_of: Collection[str] = ()
) -> Select[Delivery]:
    """The message that is due longest."""
    return (
        select(Delivery)
        .where(
            Delivery.state == PENDING,
            Delivery.next_at <= db_now(),
            Delivery.webhook_id.not_in(but_not),
            Delivery.project_id.not_in(nor_of),
        )
        .order_by(Delivery.next_at)
        .limit(1)
    )


def _set(session: Session, *where: ColumnElement[bool], **values: object) -> int:
    changed = update(Delivery).where(*where).values(**values).returning(Delivery.id)
    done = session.scalars(changed.execution_options(synchronize_session=False))
    return len(done.all())


def _told(job: Job) -> dict[str, object]:
    """What a message says of a job; whoever wants more asks for it."""
    return {
        "job": job.id,
        "state": str(job.state),
        "name": job.name,
        "labels": job.labels,
        "model": job.model_id,
        "retry_of": job.retry_of,
        "verdict": job.verdict,
        "failure": job.failure,
    }
