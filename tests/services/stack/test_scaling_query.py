"""The question that KEDA asks the database, as the chart writes it, on a real PostgreSQL."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from app.store.db import sessions, sync_engine
from app.store.rows import Job, Project
from app.store.rows.base import utc_now
from tests.unit.stack.chart import of_kind, rendered, values


@pytest.mark.parametrize(("queue", "wanted"), [("gpu", 3), ("cpu", 1), ("intake", 0)])
def test_a_pool_has_as_many_workers_as_jobs_that_run_or_may_begin(
    postgres_database_url: str, queue: str, wanted: int
) -> None:
    def job(name: str, **values: Any) -> Job:
        return Job(id=f"job_{name}", project_id="prj_a", kind="compress", **values)

    soon, past = utc_now() + timedelta(seconds=60), utc_now() - timedelta(seconds=60)
    engine = sync_engine(postgres_database_url)
    with sessions(engine).begin() as session:
        session.add(Project(id="prj_a", name="a"))
        session.flush()
        session.add_all(
            [
                job("waits", queue="gpu"),
                job("runs", queue="gpu", state="running"),
                job("due", queue="gpu", not_before=past),
                job("deferred", queue="gpu", not_before=soon),
                job("done", queue="gpu", state="succeeded"),
                job("failed", queue="cpu", state="failed"),
                job("other", queue="cpu"),
            ]
        )
    scaled = of_kind(rendered(values("gpu")), "ScaledObject")[f"lathe-worker-{queue}"]
    (trigger,) = scaled["spec"]["triggers"]
    with engine.connect() as connection:
        assert connection.scalar(text(trigger["metadata"]["query"])) == wanted
    engine.dispose()
