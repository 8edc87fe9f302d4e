"""Jobs that ran when a test says so, and limits."""

from datetime import datetime

from sqlalchemy.orm import Session

from app.store.quotas.limits import set_limit
from app.store.rows import Attempt, Job
from lathe.states import JobKind, JobState, Queue


def ran(name: str, queue: Queue, started_at: datetime, ended_at: datetime | None) -> Attempt:
    """An attempt; its project is the first letter of its name."""
    return Attempt(
        job_id=f"job_{name}",
        attempt=1,
        project_id=f"prj_{name[0]}",
        queue=queue,
        started_at=started_at,
        ended_at=ended_at,
    )


def job(name: str, queue: Queue, state: JobState, **values: object) -> Job:
    return Job(
        id=f"job_{name}",
        project_id=f"prj_{name[0]}",
        kind=JobKind.COMPRESS,
        queue=queue,
        state=state,
        **values,
    )


def limited(session: Session, project: str, **most: int | None) -> None:
    for name, each in most.items():
        set_limit(session, f"prj_{project}", name, each)
    session.flush()
