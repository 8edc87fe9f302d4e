"""How long jobs ran: one row for each attempt, counted in the calendar month (UTC) that its
time fell in.

An attempt that is not closed belongs to a job that runs, or was ended by a release that knows
nothing of this; then the job's own row says when.
"""

from datetime import datetime

from sqlalchemy import (
    ColumnElement,
    Select,
    SQLColumnExpression,
    and_,
    case,
    exists,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Session

from app.store.clock import db_month_start, db_now, seconds_between
from app.store.rows import Attempt, Job
from lathe.states import JobState, Queue

_MINUTE_S = 60.0


def begins(session: Session, job: Job, now: datetime) -> None:
    """The job's attempt has begun."""
    session.add(
        Attempt(
            job_id=job.id,
            attempt=job.attempt,
            project_id=job.project_id,
            queue=job.queue,
            started_at=now,
        )
    )


def ends(session: Session, job: Job, now: datetime) -> None:
    """The job's attempt is over, however it ended."""
    session.execute(
        update(Attempt)
        .where(
            Attempt.job_id == job.id, Attempt.attempt == job.attempt, Attempt.ended_at.is_(None)
        )
        .values(ended_at=now)
        .execution_options(synchronize_session=False)
    )


def minutes(session: Session, project_id: str) -> dict[Queue, float]:
    """The project's minutes of this month in each queue."""
    asked = _seconds(Attempt.queue).where(Attempt.project_id == project_id)
    found = {Queue(queue): seconds / _MINUTE_S for queue, seconds in session.execute(asked)}
    return {queue: found.get(queue, 0.0) for queue in Queue}


def gpu_minutes(session: Session, project_id: str) -> float:
    """The project's minutes of this month in the queue gpu."""
    asked = _seconds(Attempt.queue).where(
        Attempt.project_id == project_id, Attempt.queue == Queue.GPU
    )
    return sum(seconds for _, seconds in session.execute(asked)) / _MINUTE_S


def gpu_minutes_of_all(session: Session) -> dict[str, float]:
    """As `gpu_minutes`, of each project that has some."""
    asked = _seconds(Attempt.project_id).where(Attempt.queue == Queue.GPU)
    return {project: seconds / _MINUTE_S for project, seconds in session.execute(asked)}


def this_month(session: Session) -> tuple[datetime, datetime]:
    """Its first moment, and that of the next."""
    since: datetime = session.execute(select(db_month_start())).scalar_one()
    years, month = divmod(since.month, 12)
    return since, since.replace(year=since.year + years, month=month + 1)


def over_before(moment: ColumnElement[datetime]) -> ColumnElement[bool]:
    """Whether an attempt was over before then, whoever ended it."""
    runs = and_(Job.state == JobState.RUNNING, Job.attempt == Attempt.attempt)
    lately = func.coalesce(Job.finished_at, Job.queued_at) >= moment
    may_count = exists().where(Job.id == Attempt.job_id, or_(runs, lately))
    unclosed = and_(Attempt.ended_at.is_(None), Attempt.started_at < moment, ~may_count)
    return or_(Attempt.ended_at < moment, unclosed)


def _seconds(by: SQLColumnExpression[str]) -> Select[str, float]:
    """The seconds of this month's attempts, added up by `by`."""
    month = db_month_start()
    begun = case((Attempt.started_at > month, Attempt.started_at), else_=month)
    lasted = seconds_between(_end(), begun)
    return (
        select(by, func.sum(case((lasted > 0, lasted), else_=0.0)))
        .outerjoin(Job, and_(Job.id == Attempt.job_id, Attempt.ended_at.is_(None)))
        .where(or_(Attempt.ended_at.is_(None), Attempt.ended_at > month))
        .group_by(by)
    )


def _end() -> ColumnElement[datetime | None]:
    runs = and_(Job.state == JobState.RUNNING, Job.attempt == Attempt.attempt)
    return case(
        (Attempt.ended_at.is_not(None), Attempt.ended_at),
        (runs, db_now()),
        else_=func.coalesce(Job.finished_at, Job.queued_at, Attempt.started_at),
    )
