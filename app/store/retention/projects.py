"""Taking away what a deleted project had, row by row, and the project at last.

Which tables are a project's is read off the tables themselves: those with a `project_id`, and
those that refer to such a table. So one that is added later is not forgotten.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Table, delete, select, tuple_, update
from sqlalchemy.orm import Session

from app.store.clock import db_now
from app.store.dead_objects import bury
from app.store.endings import close
from app.store.rows import Base, Blob, Job, Project, Upload
from app.store.transfers import bury_staged
from lathe.states import JobState

BATCH = 500
_UNFINISHED = [state for state in JobState if not state.finished]


def forget_projects(session: Session) -> int:
    """Delete a batch of rows of a deleted project, or end some of its queued jobs; returns how
    many there were.

    While one of its jobs runs it is only asked to end. Rows that a late request adds are found
    the next time; the project's own row goes when nothing refers to it.
    """
    deleted = (
        select(Project).where(Project.deleted_at.is_not(None)).order_by(Project.deleted_at)
    )
    for project in session.scalars(deleted.with_for_update(skip_locked=True, of=Project)):
        if ended := _end_queued(session, project.id):
            return ended
        if _still_works(session, project.id):
            continue
        for table in reversed(Base.metadata.sorted_tables):
            if taken := _take(session, table, project.id):
                return taken
    return 0


def _end_queued(session: Session, project_id: str) -> int:
    """Whoever holds a job's row may want the project's next: such a job is passed over."""
    queued = select(Job).where(Job.project_id == project_id, Job.state == JobState.QUEUED)
    free = queued.limit(BATCH).with_for_update(skip_locked=True, of=Job)
    jobs = session.scalars(free.execution_options(populate_existing=True)).all()
    for job in jobs:
        close(session, job, JobState.CANCELLED)
    return len(jobs)


def _still_works(session: Session, project_id: str) -> bool:
    """What runs is asked to end, what is passed over will be ended the next time."""
    theirs = Job.project_id == project_id
    running = select(Job.id).where(theirs, Job.state == JobState.RUNNING)
    free = running.where(Job.cancel_requested.is_(False)).limit(BATCH)
    found = session.scalars(free.with_for_update(skip_locked=True, of=Job)).all()
    asked = update(Job).where(Job.id.in_(found)).values(cancel_requested=True)
    session.execute(asked.execution_options(synchronize_session=False))
    unfinished = select(Job.id).where(theirs, Job.state.in_(_UNFINISHED)).limit(1)
    return session.scalar(unfinished) is not None


def _take(session: Session, table: Table, project_id: str) -> int:
    """Delete some rows of the project in this table."""
    theirs = _belonging(table, project_id)
    if theirs is None:
        return 0
    key = list(table.primary_key)
    found = [tuple(row) for row in session.execute(select(*key).where(theirs).limit(BATCH))]
    if found:
        _let_go(session, table, [row[0] for row in found])
        session.execute(delete(table).where(tuple_(*key).in_(found)))
    return len(found)


def _belonging(table: Table, project_id: str) -> ColumnElement[bool] | None:
    """Which rows are the project's; None for a table that knows no projects."""
    if table.name == Project.__tablename__:
        return table.c.id == project_id
    if "project_id" in table.c:
        return table.c.project_id == project_id
    for key in table.foreign_keys:
        above = _belonging(key.column.table, project_id)
        if above is not None:
            return key.parent.in_(select(key.column).where(above))
    return None


def _let_go(session: Session, table: Table, ids: Sequence[Any]) -> None:
    """What has to happen before these rows go."""
    match table.name:
        case Blob.__tablename__:
            bury(session, session.scalars(select(Blob.key).where(Blob.id.in_(ids))).all())
        case Upload.__tablename__:
            bury_staged(
                session, session.scalars(select(Upload).where(Upload.id.in_(ids))).all()
            )
        case Job.__tablename__:
            again = update(Job).where(Job.retry_of.in_(ids)).values(retry_of=None)
            session.execute(again.execution_options(synchronize_session=False))
        case _:
            pass


def delete_later(session: Session, project: Project) -> None:
    """Mark a project as deleted and free its name; `forget_projects` does the rest."""
    project.deleted_at = session.execute(select(db_now())).scalar_one()
    project.name = f"deleted {project.id}"
