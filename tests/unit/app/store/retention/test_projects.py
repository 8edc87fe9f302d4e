"""A deleted project's jobs end before its rows go."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.store.retention import projects
from app.store.rows import Audit, Job, Project
from lathe.states import JobKind, JobState, Queue

AT = datetime(2031, 5, 7, tzinfo=UTC)


def job(session: Session, name: str, state: JobState) -> Job:
    row = Job(id=name, project_id="prj_a", kind=JobKind.COMPRESS, queue=Queue.CPU, state=state)
    session.add(row)
    session.flush()
    return row


def test_nothing_goes_while_a_job_runs_behind_however_many_that_wait(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projects, "BATCH", 2)
    session.get_one(Project, "prj_a").deleted_at = AT
    session.add_all([Audit(project_id="prj_a", action="job.submit") for _ in range(3)])
    waiting = [job(session, f"job_a{n}", JobState.QUEUED) for n in range(3)]
    running = job(session, "job_z", JobState.RUNNING)
    assert [projects.forget_projects(session) for _ in range(4)] == [2, 1, 0, 0]
    session.refresh(running)
    assert {each.state for each in waiting} == {JobState.CANCELLED}
    assert (running.state, running.cancel_requested) == (JobState.RUNNING, True)
    traces = select(func.count()).select_from(Audit)
    assert session.scalar(traces) == 3
    running.state = JobState.CANCELLED
    session.flush()
    assert projects.forget_projects(session) == 2
