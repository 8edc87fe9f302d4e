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
    """Delete a batch of rows of a deleted project; returns how many there were.

    While one of its jobs runs it is only asked to end. Rows that a late request adds are found
    the next time; the project's own row goes when nothing refers to it.
    """
    deleted = (
        select(Project).where(Project.deleted_at.is_not(None)).order_by(Project.deleted_at)
    )
    for project in session.scalars(deleted.with_for_update(skip_locked=True, of=Project)):
        if _still_works(session, project.id):
            continue
        for table in reversed(Base.metadata.sorted_tables):
            if taken := _take(session, table, project.id):
                return taken
    return 0


def _still_works(session: Session, project_id: str) -> bool:
    unfinished = select(Job).where(Job.project_id == project_id, Job.state.in_(_UNFINISHED))
    running = False
    for job in session.scalars(unfinished.limit(BATCH).with_for_update(of=Job)):
        if job.state == JobState.QUEUED:
            close(session, job, JobState.CANCELLED)
        else:
            job.cancel_requested, running = True, True
    return running


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
