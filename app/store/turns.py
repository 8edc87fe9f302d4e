"""Whose turn it is: the best queued job of a queue, found by index however long the queue is.

Projects take turns: first is the one with the fewest running jobs in the queue, then the one
that was served longest ago. The second rule is what makes a single slot fair: whenever it falls
free nobody has a running job there. Jobs that were deleted since have been served, too. Of the
project whose turn it is, the job with the highest priority runs, and of those the oldest. A
priority never passes another project's turn. Who has used what the project may
(`app.store.quotas`) has no turn.

A queue of 100,000 rows is never sorted. The projects that have waiting jobs are found by
leaping from one to the next in an index (a loose index scan), and each of them offers its first
job in the same index, so the work grows with the number of those projects and not with the
rows. The states are written into the statements, because a partial index is not used for a
bound value.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    and_,
    case,
    func,
    literal_column,
    or_,
    select,
)
from sqlalchemy.orm import Session, aliased

from app.store.clock import db_now
from app.store.quotas.held_back import room_to_run, spent
from app.store.rows import Job, Served
from app.store.upsert import upsert
from lathe import spec_version
from lathe.states import Queue

_QUEUED: ColumnElement[str] = literal_column("'queued'")
_RUNNING: ColumnElement[str] = literal_column("'running'")


@dataclass(frozen=True, slots=True)
class Takes:
    """Which jobs a worker takes: the spec versions it reads, how many jobs of one project may
    run in the queue at once, and how many GPU minutes it has (None: any number). The last two
    are of projects that have no limit of their own."""

    oldest: int = spec_version.OLDEST
    newest: int = spec_version.NEWEST
    running_per_project: int | None = None
    gpu_minutes: int | None = None


def waits_in(queue: Queue, job: type[Job] = Job) -> ColumnElement[bool]:
    """The job waits in `queue`."""
    return and_(job.queue == queue, job.state == _QUEUED)


def runs() -> ColumnElement[bool]:
    """The job runs, in whichever queue."""
    return Job.state == _RUNNING


def due(job: type[Job] = Job) -> ColumnElement[bool]:
    """The job is not deferred."""
    return or_(job.not_before.is_(None), job.not_before <= db_now())


def best(session: Session, queue: Queue, takes: Takes) -> Job | None:
    """The best job of `queue`, its row locked; None when no job may be taken.

    Rows that another transaction is claiming are passed over.
    """
    barred = spent(session, takes.gpu_minutes) if queue is Queue.GPU else ()
    for project_id in session.scalars(_turns(queue, takes, barred)).all():
        row = session.scalars(_first(queue, project_id, takes)).one_or_none()
        if row is not None:
            return row
    return None


def remember(session: Session, job_ids: Collection[str]) -> None:
    """Keep when these jobs were started, which are about to be deleted: who deletes what has
    run has had its turn all the same."""
    started = (
        select(Job.project_id, Job.queue, func.max(Job.started_at))
        .where(Job.id.in_(job_ids), Job.started_at.is_not(None))
        .group_by(Job.project_id, Job.queue)
        .order_by(Job.project_id, Job.queue)
    )
    for project_id, queue, at in session.execute(started).all():
        new = upsert(session, Served).values(project_id=project_id, queue=queue, at=at)
        later = case((new.excluded.at > Served.at, new.excluded.at), else_=Served.at)
        session.execute(
            new.on_conflict_do_update(
                index_elements=[Served.project_id, Served.queue], set_={"at": later}
            )
        )


def _turns(queue: Queue, takes: Takes, barred: Collection[str] = ()) -> Select[str]:
    """The projects with jobs to take, whose turn is next first."""
    waiting, running, served = _waiting(queue), _running(queue), aliased(Job)
    project_id = waiting.c.project_id
    last_started = (
        select(func.max(served.started_at))
        .where(served.project_id == project_id, served.queue == queue)
        .correlate(waiting)
        .scalar_subquery()
    )
    last_of_deleted = (
        select(Served.at)
        .where(Served.project_id == project_id, Served.queue == queue)
        .correlate(waiting)
        .scalar_subquery()
    )
    job = aliased(Job)
    offered = (
        select(job.created_at)
        .where(waits_in(queue, job), job.project_id == project_id, *_taken(takes, job))
        .order_by(*_order(job))
        .limit(1)
        .correlate(waiting)
        .scalar_subquery()
    )
    turns = (
        select(
            project_id,
            func.coalesce(running.c.jobs, 0).label("running"),
            last_started.label("started"),
            last_of_deleted.label("deleted"),
            offered.label("offered"),
        )
        .join_from(waiting, running, running.c.project_id == project_id, isouter=True)
        .where(project_id.is_not(None))
        .subquery("turns")
    )
    started, deleted = turns.c.started, turns.c.deleted
    last_served = case(
        (or_(started.is_(None), deleted > started), deleted),
        else_=started,
    )
    statement = (
        select(turns.c.project_id)
        .where(
            turns.c.offered.is_not(None),
            room_to_run(turns.c.project_id, turns.c.running, queue, takes.running_per_project),
        )
        .order_by(
            turns.c.running, last_served.asc().nulls_first(), turns.c.offered, *turns.c[:1]
        )
    )
    return statement.where(turns.c.project_id.not_in(list(barred))) if barred else statement


def _waiting(queue: Queue) -> FromClause:
    """Each project with queued jobs, by leaps; the last row is NULL."""
    found = (
        select(func.min(Job.project_id).label("project_id"))
        .where(waits_in(queue))
        .cte("waiting", recursive=True)
    )
    job = aliased(Job)
    following = (
        select(func.min(job.project_id))
        .where(waits_in(queue, job), job.project_id > found.c.project_id)
        .correlate(found)
        .scalar_subquery()
    )
    return found.union_all(select(following).where(found.c.project_id.is_not(None)))


def _running(queue: Queue) -> FromClause:
    return (
        select(Job.project_id, func.count().label("jobs"))
        .where(Job.queue == queue, runs())
        .group_by(Job.project_id)
        .subquery("running")
    )


def _first(queue: Queue, project_id: str, takes: Takes) -> Select[Job]:
    """The job of a project that runs before its others."""
    return (
        select(Job)
        .where(waits_in(queue), Job.project_id == project_id, *_taken(takes, Job))
        .order_by(*_order(Job))
        .limit(1)
        .with_for_update(skip_locked=True, of=Job)
        .execution_options(populate_existing=True)
    )


def _order(job: Any) -> tuple[ColumnElement[Any], ...]:
    """As the index `ix_jobs_turns` lies, so that nothing is sorted."""
    return (job.priority.desc(), job.created_at, job.id)


def _taken(takes: Takes, job: Any) -> tuple[ColumnElement[bool], ...]:
    return (due(job), job.spec_version.between(takes.oldest, takes.newest))
