"""The hot reads on PostgreSQL: the same answers, each by an index."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.follow import prepared
from app.store import jobs, reads, tenants
from app.store.db import async_engine, async_sessions, sessions, sync_engine
from app.store.rows import Project
from lathe.errors import Missing
from lathe.job import JobSpec
from lathe.states import Queue
from lathe.views import JobView
from tests.unit.app.store.reads.hot import HOT

pytestmark = pytest.mark.anyio
MANY = """
insert into projects (id, name, created_at)
select 'prj_' || n, 'prj_' || n, now() from generate_series(3, 2000) n;
insert into jobs (id, project_id, kind, queue, priority, state, version, labels, spec_version,
    attempt, crashes, lapses, cancel_requested, last_seq, created_at, queued_at, queued_s,
    running_s)
select 'job_' || n, 'prj_' || n % 3, 'compress', 'cpu', 5,
    (array['succeeded', 'failed', 'running'])[n % 50 / 24 + 1], 1, '{}', 1, 1, 0, 0, false, 2,
    now() - n * interval '1 second', now(), 0, 0
from generate_series(1, 10000) n;
insert into steps (id, job_id, position, step_id, technique, state, fraction)
select 'stp_' || n, 'job_' || n, 0, 'a', 't', 'pending', 0 from generate_series(1, 10000) n;
insert into events (job_id, seq, type, data, at)
select 'job_' || n, seq, 'said', '{"n": 1}', now()
from generate_series(1, 10000) n, generate_series(1, 2) seq;
insert into api_keys (id, project_id, name, secret_sha256, scopes, created_at)
select 'key_' || n, 'prj_1', 'n', 's', '[]', now() from generate_series(1, 5000) n;
"""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def engine(postgres_database_url: str) -> AsyncIterator[AsyncEngine]:
    made = async_engine(postgres_database_url)
    yield made
    await made.dispose()


async def test_a_job_and_its_feed_are_read_as_they_were_written(
    postgres_database_url: str, engine: AsyncEngine
) -> None:
    spec = JobSpec.model_validate(
        {
            "model": "mdl_01k3w6p9q8e4xv7y2z5r0t1m3n",
            "labels": {"team": "Größe"},
            "pipeline": [
                {"id": "b", "technique": "optimize.graph"},
                {"technique": "quantize.dynamic"},
            ],
        }
    )
    writer = sync_engine(postgres_database_url)
    with sessions(writer).begin() as session:
        project = Project(name="p")
        session.add(project)
        session.flush()
        key, printable = tenants.new_key(project.id, "k", ["read"])
        job, steps = jobs.compress(project.id, spec, Queue.CPU, "req_1")
        job.model_id, job.progress = None, {"step": "b", "fraction": 0.5}
        session.add_all([key, job])
        session.flush()
        session.add_all(steps)
        project_id, job_id, key_id = project.id, job.id, key.id
    writer.dispose()
    reader = reads.reader(postgres_database_url, engine)
    found = await reads.job(reader, project_id, job_id)
    view = JobView.model_validate_json(prepared.job(found).body)
    assert view.spec == spec
    assert [step.id for step in view.steps] == ["b", "2-quantize_dynamic"]
    assert view.progress is not None
    assert (view.progress.fraction, view.progress.eta_s) == (0.5, None)
    feed = await reads.feed(reader, project_id, job_id, 10**17, 5)
    assert (feed.events, feed.ended) == ((), False)
    assert await reads.standings(reader, [job_id, "job_0"]) == {job_id: (False, 0)}
    known = await reads.key(reader, key_id)
    assert known is not None
    assert (known.project_id, known.scopes) == (project_id, ["read"])
    assert printable.startswith("lt_")
    async with async_sessions(engine)() as session:
        shown, _ = await reads.page(session, reads.jobs(project_id), None, 5)
    assert shown == [found]
    with pytest.raises(Missing):
        await reads.job(reader, "prj_other", job_id)


async def test_every_hot_read_goes_by_an_index(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        for n in range(3):
            values = {"id": f"prj_{n}"}
            add = "insert into projects (id, name, created_at) values (:id, :id, now())"
            await connection.execute(text(add), values)
        for statement in MANY.strip().split(";\n"):
            await connection.execute(text(statement.replace('":', '"\\:')))
    async with engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        await connection.execute(text("ANALYZE"))

    @event.listens_for(engine.sync_engine, "before_cursor_execute", retval=True)
    def _explain(*call: Any) -> tuple[str, Any]:
        return f"EXPLAIN {call[2]}", call[3]

    for name, (statement, values) in HOT.items():
        async with engine.connect() as connection:
            told = await connection.run_sync(
                lambda sync, s=statement, v=values: sync.execute(s, v).cursor.fetchall()
            )
        plan = "\n".join(str(row[0]) for row in told)
        assert "Index" in plan, (name, plan)
        assert "Seq Scan" not in plan, (name, plan)
