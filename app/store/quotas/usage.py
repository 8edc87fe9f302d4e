"""What a project uses and what it may, at one moment."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.store.clock import db_now
from app.store.quotas.limits import Limits, limits_of
from app.store.quotas.minutes import minutes, this_month
from app.store.quotas.stored import Stored, stored
from app.store.rows import Job
from lathe.states import JobState, Queue


@dataclass(frozen=True, slots=True)
class Usage:
    """`jobs` counts every job there is, inspections too; `minutes` are those of the month from
    `since` to `until`."""

    at: datetime
    stored: Stored
    jobs: dict[JobState, int]
    running: dict[Queue, int]
    minutes: dict[Queue, float]
    since: datetime
    until: datetime
    limits: Limits


def usage(session: Session, project_id: str, defaults: Limits) -> Usage:
    """Count all of it; reads only."""
    since, until = this_month(session)
    by_state = _counts(session, project_id)
    running = (
        select(Job.queue, func.count())
        .where(Job.project_id == project_id, Job.state == JobState.RUNNING)
        .group_by(Job.queue)
    )
    in_queue = {row[0]: row[1] for row in session.execute(running)}
    return Usage(
        at=session.execute(select(db_now())).scalar_one(),
        stored=stored(session, project_id),
        jobs={state: by_state.get(state, 0) for state in JobState},
        running={queue: in_queue.get(queue, 0) for queue in Queue},
        minutes=minutes(session, project_id),
        since=since,
        until=until,
        limits=limits_of(session, project_id, defaults),
    )


def _counts(session: Session, project_id: str) -> dict[str, int]:
    asked = (
        select(Job.state, func.count()).where(Job.project_id == project_id).group_by(Job.state)
    )
    return {row[0]: row[1] for row in session.execute(asked)}
