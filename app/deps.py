"""What routes ask for: the service's parts, and one transaction a request."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Query, Request
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from app.hints import Hints
from app.metrics import Metrics
from app.settings import Settings
from app.store.clock import db_now
from app.store.db import AsyncSessions
from app.store.objects import Objects
from app.store.rows import Job

_UNSENT = "hints"  # key of `session.info`


@dataclass(frozen=True)
class Services:
    """The parts that live as long as the process."""

    settings: Settings
    engine: AsyncEngine
    sessions: AsyncSessions
    objects: Objects
    hints: Hints
    metrics: Metrics

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncSession]:
        """One transaction, committed when the block ends; then its hints are sent."""
        async with self.sessions() as session:
            async with session.begin():
                yield session
            unsent: list[Job] = session.info.get(_UNSENT, [])
        for job in unsent:
            await self._hint(job.id, job.queue)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """One transaction that takes no lock and writes nothing."""
        async with self.sessions() as session, session.begin():
            await session.connection(execution_options={"read_only": True})
            yield session

    async def _hint(self, job_id: str, queue: str) -> None:
        if await self.hints.send(queue):
            async with self.sessions.begin() as session:
                await session.execute(
                    update(Job).where(Job.id == job_id).values(hinted_at=db_now())
                )


def hint_later(session: AsyncSession, job: Job) -> None:
    """Send a hint for this job's queue once the session's transaction has committed."""
    session.info.setdefault(_UNSENT, []).append(job)


def services(request: Request) -> Services:
    """The parts of the running service."""
    parts: Services = request.app.state.services
    return parts


Parts = Annotated[Services, Depends(services)]


async def _writing(parts: Parts) -> AsyncIterator[AsyncSession]:
    async with parts.writing() as session:
        yield session


async def _reading(parts: Parts) -> AsyncIterator[AsyncSession]:
    async with parts.reading() as session:
        yield session


# `scope="function"`: the transaction is committed before the reply leaves, so that a failed
# commit can never be answered as done.
Db = Annotated[AsyncSession, Depends(_writing, scope="function")]
ReadDb = Annotated[AsyncSession, Depends(_reading, scope="function")]


@dataclass(frozen=True)
class Paging:
    """Which page of a list is asked for."""

    cursor: str | None
    limit: int


def _paging(
    parts: Parts,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
    limit: Annotated[int | None, Query(ge=1, le=200)] = None,
) -> Paging:
    return Paging(cursor, limit or parts.settings.page_size)


Paged = Annotated[Paging, Depends(_paging)]
Wait = Annotated[
    int, Query(ge=0, le=60, description="Seconds to wait for the end before answering.")
]
