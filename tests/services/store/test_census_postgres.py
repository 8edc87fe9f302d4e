"""The numbers of `/metrics` on PostgreSQL, whose clock and JSON are its own."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from app.store.census import Census, Totals, census, totals
from app.store.db import async_engine, async_sessions, sessions, sync_engine
from app.store.rows import Blob, Job, Project
from app.store.rows.base import utc_now


async def counted(url: str) -> tuple[Census, Totals]:
    engine = async_engine(url)
    try:
        async with async_sessions(engine)() as session:
            return await census(session), await totals(session)
    finally:
        await engine.dispose()


def test_queues_ends_and_bytes_are_counted(postgres_database_url: str) -> None:
    def job(name: str, ago_s: float, **values: Any) -> Job:
        moment = utc_now() - timedelta(seconds=ago_s)
        common = {"project_id": "prj_a", "kind": "compress", "queue": "gpu"}
        return Job(id=f"job_{name}", queued_at=moment, **(common | values))

    failed = {"state": "failed", "failure": {"code": "internal"}, "running_s": 30.0}
    engine = sync_engine(postgres_database_url)
    with sessions(engine).begin() as session:
        session.add(Project(id="prj_a", name="a"))
        session.flush()
        session.add_all(
            [
                job("1", 300),
                job("2", 20, lapses=2),
                job("3", 20, finished_at=utc_now() - timedelta(seconds=60), **failed),
                job("4", 20, finished_at=utc_now() - timedelta(seconds=4000), **failed),
                Blob(id="blb_1", project_id="prj_a", key="k", sha256="0", size_bytes=1 << 40),
            ]
        )
    engine.dispose()
    now, added_up = asyncio.run(counted(postgres_database_url))
    (queued,), (ended,) = now.unfinished, now.ended
    assert (queued.queue, queued.state, queued.jobs, queued.lapses) == ("gpu", "queued", 2, 2)
    assert queued.oldest_s == pytest.approx(300, abs=20)
    assert (ended.code, ended.jobs, ended.ran_s) == ("internal", 1, 30.0)
    assert added_up == Totals([("failed", "gpu", 2)], stored_bytes=1 << 40)
