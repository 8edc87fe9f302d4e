"""Queued jobs while workers come and go: move those that may run elsewhere, and tell what the
others wait for.

A job with `device: auto` leaves a queue that nobody has served for a while for one that
somebody serves. It stays where it is as long as its own queue is served, however long that
queue is: moving jobs for speed would need to know how long each one takes.
"""

from typing import Any

from sqlalchemy import ColumnElement, and_, not_, or_, select, update
from sqlalchemy.orm import Session

from app.store import feed
from app.store.fleet import Fleet
from app.store.quotas.held_back import sentences
from app.store.quotas.limits import NO_LIMITS, Limits
from app.store.rows import Job
from app.store.turns import due, waits_in
from lathe.states import Queue

BATCH = 500  # rows that one call changes at most, for each queue
_ELSEWHERE = ((Queue.GPU, Queue.CPU), (Queue.CPU, Queue.GPU))


def reroute(session: Session, fleet: Fleet, after_s: float) -> int:
    """Move `auto` jobs out of queues that nobody has served for `after_s` seconds; returns how
    many were moved."""
    moved = 0
    for here, there in _ELSEWHERE:
        if not fleet.deserted(here, after_s) or not fleet.serving(there):
            continue
        auto = Job.spec["resources"]["device"].as_string() == "auto"
        jobs = session.scalars(
            select(Job)
            .where(waits_in(here), auto)
            .limit(BATCH)
            .with_for_update(skip_locked=True, of=Job)
            .execution_options(populate_existing=True)
        ).all()
        for job in jobs:
            job.queue, job.version, job.hinted_at = there, job.version + 1, None
            job.waiting_for = None
            cause = f"no worker serves the queue {here}"
            feed.append(
                session, job.id, "rerouted", {"from": here, "to": there, "cause": cause}
            )
        moved += len(jobs)
    return moved


def explain(session: Session, fleet: Fleet, limits: Limits = NO_LIMITS) -> None:
    """Write into queued jobs what they wait for, and take it out where that is over. What a
    deferred job waits for was said when it was deferred. `limits` are those of a project that
    has none of its own."""
    for queue in Queue:
        ranges = [each.spec_range for each in fleet.serving(queue)]
        if not ranges:
            _tell(session, queue, _nobody(fleet, queue))
            continue
        readable = or_(*(Job.spec_version.between(*each) for each in ranges))
        _tell(session, queue, _nobody_reads(queue, ranges), not_(readable))
        held_back = sentences(session, queue, limits)
        for project_id, why in held_back.items():
            _tell(session, queue, why, readable, Job.project_id == project_id)
        _tell(session, queue, None, readable, Job.project_id.not_in(list(held_back)))


def _tell(session: Session, queue: Queue, why: str | None, *which: ColumnElement[bool]) -> None:
    told = (
        Job.waiting_for.is_not(None) if why is None else Job.waiting_for.is_distinct_from(why)
    )
    jobs = (
        select(Job.id)
        .where(and_(waits_in(queue), due(), told, *which))
        .limit(BATCH)
        .with_for_update(skip_locked=True, of=Job)
    )
    found = session.scalars(jobs).all()
    if found:
        values: dict[str, Any] = {"waiting_for": why, "version": Job.version + 1}
        session.execute(
            update(Job)
            .where(Job.id.in_(found))
            .values(**values)
            .execution_options(synchronize_session=False)
        )


def _nobody(fleet: Fleet, queue: Queue) -> str:
    seen_at = fleet.last_seen(queue)
    last = (
        "" if seen_at is None else f"; the last one was seen at {seen_at:%Y-%m-%d %H:%M:%S} UTC"
    )
    return f"a worker that serves the queue {queue}{last}"


def _nobody_reads(queue: Queue, ranges: list[tuple[int, int]]) -> str:
    known = ", ".join(f"{low} to {high}" for low, high in sorted(set(ranges)))
    return (
        "a worker of another release: the running ones of the queue "
        f"{queue} read jobs of spec version {known}"
    )
