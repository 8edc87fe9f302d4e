"""The queue as statements: who may run a job, until when, and what happens when they vanish.

A job belongs to whoever holds its row's `attempt` while the row is `running`. The attempt is
the fencing token: every later write locks the row by id, attempt and state (`held`), so a
worker that lost its lease finds no row and throws its work away.

On PostgreSQL the claims of several workers pass each other with SKIP LOCKED. On SQLite a
transaction holds the only write lock from its first statement (see `app.store.db`). All
leases are counted by the database's clock.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import func, literal, or_, select, update
from sqlalchemy.orm import Session

from app.store import feed, outbox
from app.store.clock import db_now, db_now_plus
from app.store.endings import close
from app.store.quotas import minutes
from app.store.quotas.held_back import any_running_limit
from app.store.rows import Job, Step
from app.store.tallies import count, observe
from app.store.tallies.kinds import ATTEMPTS_ENDED, JOB_WAIT
from app.store.turns import Takes, best, due, waits_in
from lathe.errors import WorkerCrashed
from lathe.states import JobKind, JobState, Queue, StepState

MAX_CRASHES = 3  # children that died under a living supervisor
MAX_LAPSES = 20  # leases that ran out
BATCH = 100  # rows that one sweep takes
_CLAIMS = 0x6C617468  # "lath": with a queue's number, a lock that no one else takes

_UNFINISHED = (StepState.PENDING, StepState.RUNNING)


@dataclass(frozen=True, slots=True)
class Fence:
    """Who may write: the job and the attempt that was claimed."""

    job_id: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Claim:
    """A job that this worker runs now, as it stood when it was claimed."""

    fence: Fence
    project_id: str
    kind: JobKind
    queue: Queue
    spec: dict[str, Any] | None
    model_id: str | None
    dataset_id: str | None
    waited_s: float
    traceparent: str | None


@dataclass(frozen=True, slots=True)
class Lapse:
    """An attempt whose worker went silent."""

    fence: Fence
    project_id: str
    kind: JobKind
    queue: Queue
    began: datetime
    traceparent: str | None


class Standing(StrEnum):
    """How a running job stands with the worker that claimed it."""

    HELD = "held"
    CANCELLING = "cancelling"
    LOST = "lost"


def claim(
    session: Session, queue: Queue, worker: str, lease_s: float, takes: Takes | None = None
) -> Claim | None:
    """Take the best queued job of `queue` (see `app.store.turns`), or None when there is none.

    A job whose cancel was asked for ends here as cancelled.
    """
    takes = takes or Takes()
    if takes.running_per_project is not None or any_running_limit(session, queue):
        _one_claim_at_a_time(session, queue)
    while (job := best(session, queue, takes)) is not None:
        if not job.cancel_requested:
            return _start(session, job, worker, lease_s)
        close(session, job, JobState.CANCELLED)
        session.flush()
    return None


def _one_claim_at_a_time(session: Session, queue: Queue) -> None:
    """Two claims that count a project's running jobs at once would both find room for one. On
    SQLite the transaction has the only write lock already."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(_CLAIMS, list(Queue).index(queue))))


def _start(session: Session, job: Job, worker: str, lease_s: float) -> Claim:
    now = _now(session)
    waited_s = max(0.0, (now - job.queued_at).total_seconds())
    job.queued_s += waited_s
    job.state, job.attempt, job.version = JobState.RUNNING, job.attempt + 1, job.version + 1
    job.worker, job.started_at, job.progress = worker, now, None
    job.not_before = job.waiting_for = None
    minutes.begins(session, job, now)
    session.flush()
    session.execute(
        update(Job)
        .where(Job.id == job.id)
        .values(lease_until=db_now_plus(lease_s))
        .execution_options(synchronize_session=False)
    )
    observe(session, JOB_WAIT, waited_s, job.queue)
    feed.append(session, job.id, "started", {"attempt": job.attempt, "worker": worker})
    if job.attempt == 1:
        outbox.announce(session, job, "job.started")
    return Claim(
        fence=Fence(job.id, job.attempt),
        project_id=job.project_id,
        kind=JobKind(job.kind),
        queue=Queue(job.queue),
        spec=job.spec,
        model_id=job.model_id,
        dataset_id=job.dataset_id,
        waited_s=waited_s,
        traceparent=job.traceparent,
    )


def held(session: Session, fence: Fence) -> Job | None:
    """The job's row, locked until the transaction ends; None when the claim was lost."""
    return session.scalars(
        select(Job)
        .where(*_mine(fence))
        .with_for_update(of=Job)
        .execution_options(populate_existing=True)
    ).one_or_none()


def beat(session: Session, fence: Fence, lease_s: float) -> Standing:
    """Renew the lease for `lease_s` from now, if the claim still holds."""
    renewed = session.execute(
        update(Job)
        .where(*_mine(fence))
        .values(lease_until=db_now_plus(lease_s))
        .returning(Job.cancel_requested)
        .execution_options(synchronize_session=False)
    ).one_or_none()
    return _standing(None if renewed is None else renewed[0])


def standing(session: Session, fence: Fence) -> Standing:
    """The same answer without renewing; reads only."""
    row = session.execute(select(Job.cancel_requested).where(*_mine(fence))).one_or_none()
    return _standing(None if row is None else row[0])


def _standing(cancel_requested: bool | None) -> Standing:  # noqa: FBT001 - a column's value
    if cancel_requested is None:
        return Standing.LOST
    return Standing.CANCELLING if cancel_requested else Standing.HELD


def hand_back(session: Session, job: Job) -> None:
    """Queue a held job again: its worker is stopping. Counts as nothing."""
    if job.cancel_requested:
        close(session, job, JobState.CANCELLED)
    else:
        _requeue(session, job, "its worker stopped")


def defer(session: Session, job: Job, seconds: float, cause: str) -> None:
    """Queue a held job again, to be taken in `seconds` at the earliest: something that it needs
    is away. Counts as nothing; `cause` is a sentence for people, as "the store is away"."""
    if job.cancel_requested:
        close(session, job, JobState.CANCELLED)
        return
    _requeue(session, job, cause)
    job.not_before = session.execute(select(db_now_plus(seconds))).scalar_one()
    again = f"; tried again at {job.not_before:%H:%M:%S} UTC"
    job.waiting_for = cause.rstrip(".")[: 300 - len(again)] + again


def crash(session: Session, job: Job, cause: str) -> None:
    """A held job's child died: queue it again, or fail it the third time."""
    job.crashes += 1
    if job.cancel_requested:
        close(session, job, JobState.CANCELLED)
    elif job.crashes < MAX_CRASHES:
        _requeue(session, job, cause)
    else:
        died = WorkerCrashed(
            f"The job's process died {job.crashes} times, the last time: {cause}. Finished "
            "steps are kept, so a retry resumes behind them."
        )
        close(session, job, JobState.FAILED, died.failure())


def reap(session: Session) -> list[Lapse]:
    """Deal with up to `BATCH` jobs whose lease ran out."""
    lapsed = session.scalars(
        select(Job)
        .where(Job.state == JobState.RUNNING, Job.lease_until < db_now())
        .order_by(Job.lease_until)
        .limit(BATCH)
        .with_for_update(skip_locked=True, of=Job)
        .execution_options(populate_existing=True)
    ).all()
    lapses = [_lapse(job) for job in lapsed]
    for job in lapsed:
        count(session, ATTEMPTS_ENDED, job.queue, "lapsed")
        job.lapses += 1
        if job.cancel_requested:
            close(session, job, JobState.CANCELLED)
        elif job.lapses <= MAX_LAPSES:
            _requeue(session, job, "its worker went silent")
        else:
            lost = WorkerCrashed(
                f"The job's worker went silent {job.lapses} times. Finished steps are kept, so "
                "a retry resumes behind them."
            )
            close(session, job, JobState.FAILED, lost.failure())
    return lapses


def _lapse(job: Job) -> Lapse:
    return Lapse(
        fence=Fence(job.id, job.attempt),
        project_id=job.project_id,
        kind=JobKind(job.kind),
        queue=Queue(job.queue),
        began=job.started_at or job.queued_at,
        traceparent=job.traceparent,
    )


def take_hints(session: Session, queue: Queue, waiting: int, rehint_s: float) -> int:
    """How many hints to send to `queue` once this transaction is committed.

    `waiting` hints lie in the broker already. A job is hinted at when nothing was said about
    it for `rehint_s`, and never are there more hints than jobs that could be taken. Which rows
    are marked matters to nobody, as a hint names the queue alone.
    """
    hintable = (waits_in(queue), due())
    few = select(literal(1)).where(*hintable).limit(waiting + BATCH).subquery()
    queued = session.scalar(select(func.count()).select_from(few)) or 0
    silent = or_(Job.hinted_at.is_(None), Job.hinted_at < db_now_plus(-rehint_s))
    hinted = session.scalars(
        select(Job.id)
        .where(*hintable, silent)
        .limit(min(BATCH, max(0, queued - waiting)))
        .with_for_update(skip_locked=True, of=Job)
    ).all()
    if hinted:
        session.execute(
            update(Job)
            .where(Job.id.in_(hinted))
            .values(hinted_at=db_now())
            .execution_options(synchronize_session=False)
        )
    return len(hinted)


def _requeue(session: Session, job: Job, cause: str) -> None:
    now = _now(session)
    if job.started_at is not None:
        job.running_s += max(0.0, (now - job.started_at).total_seconds())
    minutes.ends(session, job, now)
    job.state, job.version, job.queued_at = JobState.QUEUED, job.version + 1, now
    job.lease_until = job.hinted_at = job.worker = job.progress = None
    session.execute(
        update(Step)
        .where(Step.job_id == job.id, Step.state.in_(_UNFINISHED))
        .values(state=StepState.PENDING, fraction=0.0)
        .execution_options(synchronize_session=False)
    )
    feed.append(session, job.id, "requeued", {"attempt": job.attempt, "cause": cause})


def _now(session: Session) -> datetime:
    return session.execute(select(db_now())).scalar_one()


def _mine(fence: Fence) -> tuple[Any, ...]:
    return (
        Job.id == fence.job_id,
        Job.attempt == fence.attempt,
        Job.state == JobState.RUNNING,
    )
