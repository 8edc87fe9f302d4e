"""The feed of a job: append an event with the next gapless number, read on from any number.

The number is taken from the job's own row (`last_seq + 1`), so the row lock that the update
takes makes writers of one job follow each other and a rolled back writer leaves no gap.
"""

from typing import Any, Literal

from sqlalchemy import Select, Update, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningUpdate

from app.store.rows import Event, Job

EventType = Literal[
    "queued", "started", "progressed", "step_started", "step_finished", "said",
    "cancel_requested", "requeued", "rerouted", "succeeded", "failed", "cancelled",
]  # fmt: skip


def next_seq(job_id: str) -> ReturningUpdate[int]:
    """Take the next number of the job's feed; one row `(seq,)` comes back.

    It leaves `version` alone: whoever changes what a job's view shows raises that.
    """
    statement: Update = update(Job).where(Job.id == job_id).values(last_seq=Job.last_seq + 1)
    return statement.returning(Job.last_seq).execution_options(synchronize_session=False)


def append(session: Session, job_id: str, type: EventType, data: dict[str, Any]) -> int:  # noqa: A002 - the column's name
    """Append an event in the session's transaction and return its number.

    Raises NoResultFound when there is no such job.
    """
    session.flush()
    seq = session.execute(next_seq(job_id)).scalar_one()
    session.add(Event(job_id=job_id, seq=seq, type=type, data=data))
    return seq


async def append_async(
    session: AsyncSession,
    job_id: str,
    type: EventType,  # noqa: A002 - the column's name
    data: dict[str, Any],
) -> int:
    """As `append`, for the API's sessions."""
    await session.flush()
    seq = (await session.execute(next_seq(job_id))).scalar_one()
    session.add(Event(job_id=job_id, seq=seq, type=type, data=data))
    return seq


def after(job_id: str, seq: int, limit: int) -> Select[Event]:
    """The events that follow number `seq`, oldest first."""
    return (
        select(Event)
        .where(Event.job_id == job_id, Event.seq > seq)
        .order_by(Event.seq)
        .limit(limit)
    )
