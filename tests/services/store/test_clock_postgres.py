"""The database's clock on PostgreSQL, through both drivers."""

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Select, insert, select, update
from sqlalchemy.orm import Session

from app.store.clock import db_now, db_now_plus, seconds_between
from app.store.db import async_engine, sessions, sync_engine
from app.store.rows import Job, Project

EARLIER = datetime(2031, 5, 7, 9, 8, 7, 250_000, tzinfo=UTC)
LATER = datetime(2031, 5, 8, 9, 8, 9, 0, tzinfo=UTC)


@pytest.fixture
def session(postgres_database_url: str) -> Iterator[Session]:
    engine = sync_engine(postgres_database_url)
    with sessions(engine)() as session:
        project = Project(name="cams")
        session.add(project)
        session.flush()
        session.add(Job(project_id=project.id, kind="compress", queue="cpu"))
        session.flush()
        yield session
    engine.dispose()


def through_asyncpg(url: str, statement: Select[Any]) -> Any:
    async def asked() -> Any:
        engine = async_engine(url)
        async with engine.connect() as connection:
            found = await connection.scalar(statement)
        await engine.dispose()
        return found

    return asyncio.run(asked())


def test_the_clock_is_ours_and_moves_within_a_transaction(session: Session) -> None:
    before = session.scalars(select(db_now())).one()
    time.sleep(0.05)
    after = session.scalars(select(db_now())).one()
    assert abs(before - datetime.now(UTC)) < timedelta(seconds=2)
    assert after - before >= timedelta(seconds=0.05)


def test_a_lease_is_over_exactly_when_its_moment_has_passed(session: Session) -> None:
    over = select(Job.lease_until < db_now())
    session.execute(update(Job).values(lease_until=db_now_plus(5)))
    assert session.scalars(over).one() is False
    session.execute(update(Job).values(lease_until=db_now_plus(-0.25)))
    assert session.scalars(over).one() is True


def test_seconds_between_moments_are_a_float(session: Session) -> None:
    apart = session.scalars(select(seconds_between(LATER, EARLIER))).one()
    assert (type(apart), apart) == (float, 86_401.75)  # one day and 1.75 s
    moved = seconds_between(db_now_plus(90.5), db_now_plus(-30))
    assert session.scalars(select(moved)).one() == pytest.approx(120.5, abs=0.01)
    assert session.scalars(select(seconds_between(db_now(), Job.started_at))).one() is None


def test_asyncpg_gives_the_same_answers(postgres_database_url: str) -> None:
    url = postgres_database_url
    assert through_asyncpg(url, select(seconds_between(LATER, EARLIER))) == 86_401.75
    moved = seconds_between(db_now_plus(90.5), db_now_plus(-30))
    assert through_asyncpg(url, select(moved)) == pytest.approx(120.5, abs=0.01)
    now = through_asyncpg(url, select(db_now()))
    assert abs(now - datetime.now(UTC)) < timedelta(seconds=2)


def test_asyncpg_writes_moments_and_json_that_psycopg_reads(postgres_database_url: str) -> None:
    async def write() -> None:
        engine = async_engine(postgres_database_url)
        async with engine.begin() as connection:
            await connection.execute(insert(Project).values(id="prj_1", name="cams"))
            job = insert(Job).values(
                id="job_1",
                project_id="prj_1",
                kind="compress",
                queue="cpu",
                spec={"seed": 17},
                started_at=EARLIER,
                lease_until=db_now_plus(60),
            )
            await connection.execute(job)
        await engine.dispose()

    asyncio.run(write())
    engine = sync_engine(postgres_database_url)
    with sessions(engine)() as session:
        job = session.get_one(Job, "job_1")
        assert (job.spec, job.started_at, job.failure) == ({"seed": 17}, EARLIER, None)
        assert job.lease_until is not None
        assert job.lease_until > datetime.now(UTC) + timedelta(seconds=50)
    engine.dispose()
