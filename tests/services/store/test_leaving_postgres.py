"""A project is deleted while its jobs run: who holds a job's row wants the project's next."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth import Caller
from app.leave import leave
from app.projects.work import keyed
from app.store.db import AsyncSessions, async_engine, async_sessions, sessions, sync_engine
from app.store.retention.projects import forget_projects
from app.store.rows import ApiKey, Audit, Job, Project
from lathe.errors import Missing
from lathe.states import JobKind, JobState, Queue

pytestmark = pytest.mark.anyio
CALLER = Caller("prj_a", "key_a", frozenset({"admin"}), "req_a")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def made(postgres_database_url: str) -> AsyncIterator[AsyncSessions]:
    """With a job of the project prj_a that runs."""
    engine = async_engine(postgres_database_url)
    sessions = async_sessions(engine)
    async with sessions.begin() as session:
        session.add(Project(id="prj_a", name="a"))
        await session.flush()
        session.add(
            Job(
                id="job_a",
                project_id="prj_a",
                kind=JobKind.COMPRESS,
                queue=Queue.CPU,
                state=JobState.RUNNING,
            )
        )
    yield sessions
    await engine.dispose()


async def ends(worker: AsyncSession, meanwhile: "asyncio.Task[object]") -> None:
    """As a worker does it: the job's row is locked, then rows of the project are written."""
    job = await worker.scalar(select(Job).with_for_update())
    assert job is not None
    await asyncio.wait([meanwhile], timeout=0.5)
    worker.add(Audit(project_id="prj_a", action="job.ends"))
    job.state = JobState.SUCCEEDED
    await worker.flush()


async def test_a_worker_that_ends_a_job_and_who_deletes_the_project_both_get_through(
    made: AsyncSessions,
) -> None:
    begun = asyncio.Event()

    async def leaves() -> None:
        await begun.wait()
        async with made.begin() as session:
            await leave(session, CALLER, "prj_a", cancel_jobs=True)

    leaving = asyncio.create_task(leaves())
    async with made.begin() as worker:
        begun.set()
        await ends(worker, leaving)
    await leaving
    async with made() as session:
        assert (await session.get_one(Project, "prj_a")).deleted_at is not None
        assert (await session.get_one(Job, "job_a")).state == JobState.SUCCEEDED


async def test_the_sweep_waits_for_no_worker(made: AsyncSessions) -> None:
    async with made.begin() as session:
        (await session.get_one(Project, "prj_a")).deleted_at = datetime.now(UTC)
    begun = asyncio.Event()

    async def sweeps() -> int:
        await begun.wait()
        async with made.begin() as session:
            return await session.run_sync(forget_projects)

    sweeping = asyncio.create_task(sweeps())
    async with made.begin() as worker:
        begun.set()
        await ends(worker, sweeping)
    assert await sweeping == 0
    async with made() as session:
        assert (await session.get_one(Job, "job_a")).state == JobState.SUCCEEDED


async def test_no_key_is_made_for_a_project_that_is_just_being_deleted(
    made: AsyncSessions, postgres_database_url: str
) -> None:
    engine = sync_engine(postgres_database_url)

    def another() -> str:
        with sessions(engine).begin() as session:
            return keyed(session, "a", "operator", ["admin"])

    async with made.begin() as session:
        await leave(session, CALLER, "prj_a", cancel_jobs=True)
        asking = asyncio.create_task(asyncio.to_thread(another))
        done, _ = await asyncio.wait([asking], timeout=0.5)
        assert not done
    with pytest.raises(Missing):
        await asking
    engine.dispose()
    async with made() as left:
        assert (await left.scalars(select(ApiKey))).all() == []
