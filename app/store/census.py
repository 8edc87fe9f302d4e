"""How the queues stand, counted in the database: what `/metrics` and its alerts are made of.

Every process of the service would count the same, so these are gauges of the installation.
What has ended is looked at over the last hour only; the index on `finished_at` keeps that
cheap however many jobs there are. `totals` is not cheap and is asked for now and then.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.store.clock import db_now, db_now_plus, seconds_between
from app.store.fleet import serves_now
from app.store.jobs import counts
from app.store.outbox import DEAD, PENDING
from app.store.rows import Blob, Delivery, Job, Worker
from app.store.tallies import Series, tallies
from app.store.walls import open_walls
from lathe.states import JobState

RECENT_S = 3600.0


@dataclass(frozen=True, slots=True)
class Unfinished:
    """The jobs of one queue in one unfinished state, and how long the oldest is in it."""

    queue: str
    state: str
    jobs: int
    oldest_s: float
    lapses: int
    crashes: int


@dataclass(frozen=True, slots=True)
class Ended:
    """The jobs of one queue that ended alike within the last hour."""

    queue: str
    state: str
    code: str  # of the failure, else ""
    jobs: int
    waited_s: float
    ran_s: float
    waited_longest_s: float
    ran_longest_s: float
    lapses: int
    crashes: int


@dataclass(frozen=True, slots=True)
class Sweeper:
    """One copy of the sweep, as it wrote of itself."""

    name: str
    rounds: int
    failed_rounds: int


@dataclass(frozen=True, slots=True)
class Outbox:
    """The messages to webhooks that have not arrived; `late_s` is how long the oldest that
    somebody should be sending has been due."""

    pending: int
    dead: int
    late_s: float


@dataclass(frozen=True, slots=True)
class Totals:
    """What grows with the age of an installation."""

    ended: list[tuple[str, str, int]]  # state, queue, number
    stored_bytes: int


@dataclass(frozen=True, slots=True)
class Census:
    """Everything counted at one moment."""

    unfinished: list[Unfinished] = field(default_factory=list)
    ended: list[Ended] = field(default_factory=list)
    workers: dict[tuple[str, str], int] = field(default_factory=dict)  # of a queue and device
    slots: dict[tuple[str, str], int] = field(default_factory=dict)
    sweepers: list[Sweeper] = field(default_factory=list)
    outbox: Outbox = field(default_factory=lambda: Outbox(0, 0, 0.0))
    unconfined: dict[tuple[str, str], int] = field(default_factory=dict)  # workers, as above
    tallies: list[Series] = field(default_factory=list)


async def census(session: AsyncSession) -> Census:
    """Count; reads only."""
    workers: Counter[tuple[str, str]] = Counter()
    slots: Counter[tuple[str, str]] = Counter()
    unconfined: Counter[tuple[str, str]] = Counter()
    sweepers = []
    for worker in await session.scalars(select(Worker).where(serves_now())):
        for queue in worker.queues:
            workers[queue, worker.device] += 1
            slots[queue, worker.device] += worker.slots or 1  # an older release tells none
            unconfined[queue, worker.device] += open_walls([worker]) is not None
        if "rounds" in worker.facts and worker.facts.get("role", "sweep") == "sweep":
            sweepers.append(
                Sweeper(worker.name, worker.facts["rounds"], worker.facts["failed_rounds"])
            )
    return Census(
        unfinished=[Unfinished(*row) for row in await _rows(session, _unfinished())],
        ended=[Ended(*row) for row in await _rows(session, _ended())],
        workers=workers,
        slots=slots,
        unconfined=unconfined,
        sweepers=sweepers,
        outbox=await _outbox(session),
        tallies=await tallies(session),
    )


async def totals(session: AsyncSession) -> Totals:
    """Add up; reads only, but every job's place in an index and every blob's row."""
    ended = counts().where(Job.state.in_([state for state in JobState if state.finished]))
    stored = await session.scalar(select(func.coalesce(func.sum(Blob.size_bytes), 0)))
    return Totals(
        ended=[(state, queue, number) for state, queue, number in await _rows(session, ended)],
        stored_bytes=int(stored or 0),
    )


async def _outbox(session: AsyncSession) -> Outbox:
    """Two looks into indexes of what is pending or dead; what arrived is not counted."""
    pending = select(func.count(), seconds_between(db_now(), func.min(Delivery.next_at))).where(
        Delivery.state == PENDING
    )
    dead = select(func.count()).where(Delivery.state == DEAD)
    waiting, late_s = (await session.execute(pending)).one()
    return Outbox(waiting, await session.scalar(dead) or 0, max(0.0, late_s or 0.0))


async def _rows(
    session: AsyncSession, statement: Select[*tuple[Any, ...]]
) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in await session.execute(statement)]


def _unfinished() -> Select[*tuple[Any, ...]]:
    waiting = (
        select(Job.queue, Job.state, func.count(), func.min(Job.queued_at), *_troubles())
        .where(Job.state == JobState.QUEUED)
        .group_by(Job.queue, Job.state)
    )
    working = (
        select(Job.queue, Job.state, func.count(), func.min(Job.started_at), *_troubles())
        .where(Job.state == JobState.RUNNING)
        .group_by(Job.queue, Job.state)
    )
    both = waiting.union_all(working).subquery()
    queue, state, jobs, oldest, lapses, crashes = both.c
    return select(queue, state, jobs, seconds_between(db_now(), oldest), lapses, crashes)


def _ended() -> Select[*tuple[Any, ...]]:
    code = func.coalesce(Job.failure["code"].as_string(), "")
    queue, state = Job.queue.concat(""), Job.state.concat("")  # SQLite: not by their index
    since = select(db_now_plus(-RECENT_S)).scalar_subquery()  # PostgreSQL: asked only once
    return (
        select(
            queue,
            state,
            code,
            func.count(),
            func.avg(Job.queued_s),
            func.avg(Job.running_s),
            func.max(Job.queued_s),
            func.max(Job.running_s),
            *_troubles(),
        )
        .where(Job.finished_at > since)
        .group_by(queue, state, code)
    )


def _troubles() -> tuple[Any, Any]:
    return func.sum(Job.lapses), func.sum(Job.crashes)
