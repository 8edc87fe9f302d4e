"""Minutes are those of the calendar month that they fell in."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.store.endings import close
from app.store.queue import Claim, claim, defer, held
from app.store.quotas.minutes import gpu_minutes, gpu_minutes_of_all, minutes, this_month
from app.store.rows import Attempt, Job
from lathe.states import JobState, Queue
from tests.unit.app.store.quotas.played import job, ran


def minute(number: float, since: datetime) -> datetime:
    return since + timedelta(minutes=number)


def held_row(session: Session, claimed: Claim | None) -> Job:
    assert claimed is not None
    row = held(session, claimed.fence)
    assert row is not None
    return row


def test_an_attempt_counts_in_the_month_that_its_minutes_fell_in(session: Session) -> None:
    since, _ = this_month(session)
    session.add_all(
        [
            ran("a1", Queue.GPU, minute(-50, since), minute(-20, since)),  # last month's
            ran("a2", Queue.GPU, minute(-9, since), minute(4, since)),  # 4 of 13 are this one's
            ran("a3", Queue.GPU, minute(10, since), minute(17, since)),
            ran("a4", Queue.CPU, minute(10, since), minute(12.5, since)),
            ran("b1", Queue.GPU, minute(1, since), minute(3, since)),
        ]
    )
    session.flush()
    assert minutes(session, "prj_a") == pytest.approx({"intake": 0, "cpu": 2.5, "gpu": 11})
    assert gpu_minutes(session, "prj_a") == pytest.approx(11)
    assert gpu_minutes_of_all(session) == pytest.approx({"prj_a": 11, "prj_b": 2})


def test_a_running_attempt_counts_up_to_now(session: Session) -> None:
    since, _ = this_month(session)
    now = datetime.now(UTC)
    begun = max(since, now - timedelta(minutes=3))
    session.add_all(
        [
            ran("a", Queue.GPU, begun, None),
            job("a", Queue.GPU, JobState.RUNNING, attempt=1, started_at=begun),
        ]
    )
    session.flush()
    ran_for = (now - begun).total_seconds() / 60
    assert gpu_minutes(session, "prj_a") == pytest.approx(ran_for, abs=0.1)


def test_an_attempt_that_another_release_ended_counts_up_to_its_jobs_end(
    session: Session,
) -> None:
    since, _ = this_month(session)
    session.add_all(
        [
            ran("a", Queue.GPU, minute(1, since), None),
            job("a", Queue.GPU, JobState.FAILED, attempt=1, finished_at=minute(6, since)),
            ran("b", Queue.GPU, minute(1, since), None),  # its job is gone altogether
        ]
    )
    session.flush()
    assert gpu_minutes_of_all(session) == pytest.approx({"prj_a": 5, "prj_b": 0})


def test_a_claim_opens_an_attempt_and_every_end_closes_it(session: Session) -> None:
    session.add_all(
        [job("a", Queue.GPU, JobState.QUEUED), job("b", Queue.GPU, JobState.QUEUED)]
    )
    session.flush()
    first, second = (held_row(session, claim(session, Queue.GPU, "w", 60)) for _ in range(2))
    rows = session.scalars(select(Attempt)).all()
    assert {(row.job_id, row.attempt, row.ended_at) for row in rows} == {
        ("job_a", 1, None),
        ("job_b", 1, None),
    }
    close(session, first, JobState.SUCCEEDED)
    defer(session, second, 0, "The store is away.")
    session.expire_all()
    assert all(row.ended_at is not None for row in session.scalars(select(Attempt)))
    again = held_row(session, claim(session, Queue.GPU, "w", 60))
    attempts = select(Attempt.attempt).where(Attempt.job_id == again.id)
    assert session.scalars(attempts.order_by(Attempt.attempt)).all() == [1, 2]
