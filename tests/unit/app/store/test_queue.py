from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.store.endings import close
from app.store.queue import (
    MAX_LAPSES,
    Claim,
    Fence,
    Standing,
    beat,
    claim,
    crash,
    hand_back,
    held,
    reap,
    standing,
    take_hints,
)
from app.store.rows import Blob, Event, Job, Model, Step
from lathe.errors import OutOfMemory
from lathe.states import JobKind, JobState, Queue, StepState, UploadState

LONG_AGO = datetime(2031, 5, 7, 12, 0, 0, tzinfo=UTC) - timedelta(days=4000)


def add(session: Session, name: str, **values: object) -> str:
    """A queued cpu job of project a, made `age_s` after a moment long ago."""
    made_at = LONG_AGO + timedelta(seconds=float(str(values.pop("age_s", 0))))
    defaults: dict[str, object] = {
        "project_id": "prj_a",
        "kind": JobKind.COMPRESS,
        "queue": Queue.CPU,
        "created_at": made_at,
        "queued_at": made_at,
    }
    session.add(Job(id=f"job_{name}", **(defaults | values)))
    session.flush()
    return f"job_{name}"


def take(session: Session, lease_s: float = 60, queue: Queue = Queue.CPU) -> Claim | None:
    return claim(session, queue, "w1", lease_s)


def order(session: Session) -> str:
    taken = ""
    while (claimed := take(session)) is not None:
        taken += claimed.fence.job_id.removeprefix("job_")
    return taken


def job(session: Session, job_id: str) -> Job:
    return session.execute(
        select(Job).where(Job.id == job_id).execution_options(populate_existing=True)
    ).scalar_one()


def events(session: Session, job_id: str) -> list[str]:
    statement = select(Event.type).where(Event.job_id == job_id).order_by(Event.seq)
    return list(session.scalars(statement))


def locked(session: Session, fence: Fence) -> Job:
    row = held(session, fence)
    assert row is not None
    return row


def test_within_a_project_higher_priority_runs_first_and_age_decides_among_equals(
    session: Session,
) -> None:
    add(session, "o", age_s=1, priority=4)
    add(session, "n", age_s=3, priority=4)
    add(session, "h", age_s=9, priority=7)
    add(session, "l", age_s=0, priority=0)
    assert order(session) == "honl"


def test_a_project_with_fewer_running_jobs_is_served_first(session: Session) -> None:
    for age, name in enumerate("123"):
        add(session, name, age_s=age)
    add(session, "x", age_s=50, project_id="prj_b")
    add(session, "y", age_s=60, project_id="prj_b")
    assert order(session) == "1x2y3"


def test_the_fair_share_counts_more_than_priority(session: Session) -> None:
    add(session, "1", age_s=1, priority=9)
    add(session, "2", age_s=2, priority=9)
    add(session, "x", age_s=3, project_id="prj_b", priority=0)
    assert order(session) == "1x2"


def test_running_jobs_of_another_queue_do_not_count_against_a_project(session: Session) -> None:
    add(session, "g", queue=Queue.GPU, state=JobState.RUNNING)
    add(session, "1", age_s=1)
    add(session, "x", age_s=2, project_id="prj_b")
    assert order(session) == "1x"


def test_only_jobs_of_the_asked_queue_are_claimed(session: Session) -> None:
    add(session, "i", queue=Queue.INTAKE)
    assert take(session) is None
    assert take(session, queue=Queue.INTAKE) is not None


def test_a_claim_counts_the_attempt_the_wait_and_the_lease_by_the_database_clock(
    session: Session,
) -> None:
    name = add(session, "a", attempt=2, queued_s=5.0, model_id=None, spec={"n": 1})
    claimed = take(session, lease_s=70)
    assert claimed is not None
    assert claimed.fence == Fence(name, 3)
    assert claimed.spec == {"n": 1}
    row = job(session, name)
    assert (row.state, row.worker, row.version) == (JobState.RUNNING, "w1", 2)
    assert row.started_at is not None
    assert row.lease_until is not None
    waited_s = (row.started_at - LONG_AGO).total_seconds()
    assert row.queued_s == pytest.approx(5.0 + waited_s, rel=0, abs=0.01)
    assert (row.lease_until - row.started_at).total_seconds() == pytest.approx(70, abs=2)
    assert events(session, name) == ["started"]


def test_a_queued_job_that_is_to_be_cancelled_is_never_started(session: Session) -> None:
    first = add(session, "c", cancel_requested=True, age_s=0)
    second = add(session, "r", age_s=1)
    claimed = take(session)
    assert claimed is not None
    assert claimed.fence.job_id == second
    assert job(session, first).state == JobState.CANCELLED
    assert events(session, first) == ["cancelled"]


def test_only_the_newest_attempt_holds_the_row(session: Session) -> None:
    name = add(session, "a")
    claimed = take(session, lease_s=-1)  # it has run out already
    assert claimed is not None
    old = claimed.fence
    assert len(reap(session)) == 1
    assert held(session, old) is None
    assert beat(session, old, 60) is Standing.LOST
    newer = take(session)
    assert newer is not None
    assert newer.fence.attempt == old.attempt + 1
    assert held(session, old) is None
    assert standing(session, old) is Standing.LOST
    assert locked(session, newer.fence).id == name


def test_a_beat_moves_the_lease_and_tells_of_a_cancel(session: Session) -> None:
    name = add(session, "a")
    claimed = take(session, lease_s=1)
    assert claimed is not None
    before = job(session, name).lease_until
    assert beat(session, claimed.fence, 500) is Standing.HELD
    after = job(session, name).lease_until
    assert before is not None
    assert after is not None
    assert (after - before).total_seconds() == pytest.approx(499, abs=2)
    session.execute(update(Job).values(cancel_requested=True))
    assert beat(session, claimed.fence, 500) is Standing.CANCELLING
    assert standing(session, claimed.fence) is Standing.CANCELLING


def test_a_lease_that_still_runs_is_not_reaped(session: Session) -> None:
    add(session, "a")
    take(session, lease_s=30)
    assert not reap(session)


def test_a_lapsed_job_waits_again_with_its_unfinished_steps(session: Session) -> None:
    name = add(session, "a")
    for position, state in enumerate((StepState.SUCCEEDED, StepState.RUNNING)):
        session.add(
            Step(job_id=name, position=position, step_id=f"s{position}", technique="t",
                 state=state, fraction=0.7)
        )  # fmt: skip
    take(session, lease_s=-3)
    reap(session)
    row = job(session, name)
    assert (row.state, row.lapses, row.crashes, row.worker) == (JobState.QUEUED, 1, 0, None)
    states = session.execute(select(Step.state, Step.fraction).order_by(Step.position)).all()
    assert states == [(StepState.SUCCEEDED, 0.7), (StepState.PENDING, 0.0)]
    assert events(session, name) == ["started", "requeued"]


def test_the_last_allowed_lapse_repeats_and_the_next_one_fails(session: Session) -> None:
    name = add(session, "a", lapses=MAX_LAPSES - 1)
    take(session, lease_s=-1)
    reap(session)
    assert job(session, name).state == JobState.QUEUED
    take(session, lease_s=-1)
    reap(session)
    row = job(session, name)
    assert row.state == JobState.FAILED
    assert row.failure is not None
    assert row.failure["code"] == "worker_crashed"


def test_the_third_crash_fails_the_job(session: Session) -> None:
    name = add(session, "a")
    for crashes, state in ((1, JobState.QUEUED), (2, JobState.QUEUED), (3, JobState.FAILED)):
        claimed = take(session)
        assert claimed is not None
        crash(session, locked(session, claimed.fence), "it died of SIGSEGV")
        session.flush()
        row = job(session, name)
        assert (row.crashes, row.state) == (crashes, state)
    failure = job(session, name).failure
    assert failure is not None
    assert "SIGSEGV" in failure["detail"]


@pytest.mark.parametrize("how", ["crash", "reap", "hand back"])
def test_a_job_that_stops_while_it_is_to_be_cancelled_ends_as_cancelled(
    session: Session, how: str
) -> None:
    name = add(session, "a")
    claimed = take(session, lease_s=-1)
    assert claimed is not None
    session.execute(update(Job).values(cancel_requested=True))
    match how:
        case "crash":
            crash(session, locked(session, claimed.fence), "x")
        case "reap":
            reap(session)
        case _:
            hand_back(session, locked(session, claimed.fence))
    session.flush()
    assert job(session, name).state == JobState.CANCELLED


def test_handing_back_counts_as_nothing(session: Session) -> None:
    name = add(session, "a")
    claimed = take(session)
    assert claimed is not None
    hand_back(session, locked(session, claimed.fence))
    session.flush()
    row = job(session, name)
    assert (row.state, row.crashes, row.lapses) == (JobState.QUEUED, 0, 0)


def test_running_time_adds_up_over_attempts(session: Session) -> None:
    name = add(session, "a", running_s=100.0)
    claimed = take(session)
    assert claimed is not None
    row = locked(session, claimed.fence)
    assert row.started_at is not None
    row.started_at -= timedelta(seconds=30)
    close(session, row, JobState.FAILED, OutOfMemory("too big").failure())
    session.flush()
    row = job(session, name)
    assert row.running_s == pytest.approx(130, abs=2)
    assert row.lease_until is None
    assert row.failure is not None
    assert row.failure["class"] == "resource_exhausted"


def test_a_failed_inspection_rejects_its_model(session: Session) -> None:
    session.add(Blob(id="blb_1", project_id="prj_a", key="k", sha256="s", size_bytes=3))
    session.flush()
    session.add(Model(id="mdl_1", project_id="prj_a", upload_blob_id="blb_1"))
    session.flush()
    add(session, "a", kind=JobKind.INSPECT, model_id="mdl_1")
    claimed = take(session)
    assert claimed is not None
    failure = OutOfMemory("too big").failure()
    close(session, locked(session, claimed.fence), JobState.FAILED, failure)
    session.flush()
    state, why = session.execute(select(Model.state, Model.failure)).one()
    assert state == UploadState.REJECTED
    assert why["detail"] == "too big"


def test_hints_are_never_more_than_queued_jobs(session: Session) -> None:
    for name in "abcde":
        add(session, name)
    add(session, "g", queue=Queue.GPU)
    assert take_hints(session, Queue.CPU, waiting=2, rehint_s=30) == 3
    assert take_hints(session, Queue.CPU, waiting=2, rehint_s=30) == 2  # those not yet hinted
    assert take_hints(session, Queue.CPU, waiting=0, rehint_s=30) == 0
    assert take_hints(session, Queue.CPU, waiting=0, rehint_s=-1) == 5  # all are silent again
    assert take_hints(session, Queue.CPU, waiting=7, rehint_s=-1) == 0
