"""The parts of the running service, and how a transaction with its hints is made of them."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sqlalchemy import update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from app.follow.feeds import Feeds
from app.follow.kept import KeptJobs
from app.follow.open_streams import OpenStreams
from app.follow.watch import Watch
from app.hints import Hints
from app.key_use import KeyUse
from app.known_keys import KnownKeys
from app.logs import log
from app.metrics import Metrics
from app.rates.counts import Counts
from app.rates.rates import Rates
from app.resume.staging import Staging
from app.settings import Settings
from app.store.blobs.objects import Objects
from app.store.clock import db_now
from app.store.db import AsyncSessions, async_engine, async_sessions
from app.store.reads import Reader, reader
from app.store.rows import Job
from app.store.trouble import database_trouble

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
    reads: Reader
    keys: KnownKeys
    key_use: KeyUse
    kept: KeptJobs
    watch: Watch
    feeds: Feeds
    streams: OpenStreams
    staging: Staging
    rates: Rates

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
        """Never raises for a database in trouble: what the hint is for is committed, and a
        hint that is not noted down is sent once more by the sweep."""
        if not await self.hints.send(queue):
            return
        try:
            async with self.sessions.begin() as session:
                await session.execute(
                    update(Job).where(Job.id == job_id).values(hinted_at=db_now())
                )
        except SQLAlchemyError as error:
            if database_trouble(error) is None:
                raise
            log("app.hints").warning("hint not noted", job_id=job_id, why=type(error).__name__)


def hint_later(session: AsyncSession, job: Job) -> None:
    """Send a hint for this job's queue once the session's transaction has committed."""
    session.info.setdefault(_UNSENT, []).append(job)


@asynccontextmanager
async def opened(
    settings: Settings, hints: Callable[[Settings], Hints], metrics: Metrics
) -> AsyncIterator[Services]:
    """Everything the service needs, until the block ends. Nothing is connected to yet."""
    engine = async_engine(
        settings.database_url,
        pool_size=settings.database_pool_size,
        waits=settings.database_waits,
    )
    secret = settings.s3_secret_access_key
    objects = Objects.open(
        settings.objects_url,
        access_key_id=settings.s3_access_key_id,
        secret_access_key=secret.get_secret_value() if secret else None,
        timeout_s=settings.objects_timeout_s,
    )
    sender = hints(settings)
    reads = reader(settings.database_url, engine)
    watch = Watch(reads)
    opened_sessions = async_sessions(engine)
    staging = Staging(objects, opened_sessions)
    key_use = KeyUse(opened_sessions)
    rates = Rates(settings.rates, Counts(settings.broker_url, settings.broker_timeout_s))
    try:
        yield Services(
            settings=settings,
            engine=engine,
            sessions=opened_sessions,
            objects=objects,
            hints=sender,
            metrics=metrics,
            reads=reads,
            keys=KnownKeys(reads, key_use.note),
            key_use=key_use,
            kept=KeptJobs(),
            watch=watch,
            feeds=Feeds(reads, watch),
            streams=OpenStreams(settings.max_streams),
            staging=staging,
            rates=rates,
        )
    finally:
        await sender.close()
        await rates.close()
        await key_use.close()
        await staging.close()
        await watch.close()
        await reads.close()
        await engine.dispose()
