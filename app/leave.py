"""Deleting a project: its keys end at once, the sweep takes away what it had."""

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth import Caller
from app.store import jobs, tenants
from app.store.retention.projects import delete_later
from app.store.rows import ApiKey, Job, PageSession, Project
from app.store.rows.base import utc_now
from lathe.errors import Conflict, Missing


async def leave(
    session: AsyncSession, caller: Caller, project_id: str, *, cancel_jobs: bool
) -> list[str]:
    """Mark the caller's project as deleted; returns the ids of the keys that ended.

    Raises Missing for any other project, and Conflict while jobs are unfinished that are not
    to be cancelled, and for the project that the service was begun with: it keeps the trace
    of those that have gone.
    """
    unfinished = jobs.unfinished(caller.project_id).with_only_columns(Job.id)
    if cancel_jobs:  # before the project: so does who ends a job, and writes of the project
        await session.execute(unfinished.order_by(Job.id).with_for_update(of=Job))
    owned = tenants.projects(caller.project_id).where(Project.id == project_id)
    project = await session.scalar(owned.with_for_update())
    if project is None:
        raise Missing("there is no such project", param="project_id")
    if project.name == tenants.DEFAULT_PROJECT:
        raise Conflict(
            "this is the project that the service was begun with, and it keeps the audit of "
            "deleted ones; delete its jobs, models and data sets instead"
        )
    waiting = list(await session.scalars(unfinished))
    if waiting and not cancel_jobs:
        raise Conflict(
            f"{len(waiting)} jobs of this project are not finished, such as {waiting[0]}; wait "
            "for their end, or ask again with cancel_jobs=true",
            param="cancel_jobs",
        )
    if waiting:  # who claims a queued one ends it as cancelled
        asked = update(Job).where(Job.id.in_(unfinished)).values(cancel_requested=True)
        await session.execute(asked.execution_options(synchronize_session=False))
    ended = await _end_keys(session, project_id)
    await _note(session, caller, project)
    await session.run_sync(delete_later, project)
    return ended


async def _end_keys(session: AsyncSession, project_id: str) -> list[str]:
    theirs = ApiKey.project_id == project_id
    of_them = PageSession.key_id.in_(select(ApiKey.id).where(theirs))
    await session.execute(delete(PageSession).where(of_them))
    await session.execute(
        update(ApiKey).where(theirs, ApiKey.revoked_at.is_(None)).values(revoked_at=utc_now())
    )
    return list(await session.scalars(select(ApiKey.id).where(theirs)))


async def _note(session: AsyncSession, caller: Caller, project: Project) -> None:
    """In the project itself until it is gone, and with the operator for as long as audit is
    kept there."""
    session.add(caller.audit("project.delete", project.id))
    keeper = await session.scalar(tenants.named(tenants.DEFAULT_PROJECT))
    if keeper is not None:
        session.add(
            tenants.audit(
                keeper.id,
                caller.key_id,
                "project.delete",
                project.id,
                caller.request_id,
                name=project.name,
            )
        )
