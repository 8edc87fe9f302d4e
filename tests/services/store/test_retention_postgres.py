"""What is old is deleted on PostgreSQL, too: the tests of the statements, on its tables; and
when keys were used, and who did what, as the API's driver asks for it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.store import audit, rotation
from app.store.db import async_engine, async_sessions, sessions, sync_engine
from app.store.key_use import note_use
from app.store.pages import keyset
from app.store.rows import ApiKey, Audit, PageSession, Project
from tests.unit.app.store.retention.test_retention import (  # noqa: F401 - run again here
    test_a_data_set_is_kept_in_the_same_way,
    test_a_file_that_a_younger_job_made_too_keeps_its_bytes,
    test_a_job_goes_with_all_that_is_its_own,
    test_a_jobs_files_go_and_its_verdict_stays,
    test_a_model_is_kept_while_a_young_or_running_job_names_it_anywhere,
    test_a_step_is_kept_for_its_days_and_its_checkpoint_with_it,
    test_an_attempt_goes_at_its_age_with_or_without_its_job,
    test_an_attempt_that_counts_in_this_month_stays_whatever_its_age,
    test_an_attempt_that_was_not_closed_stays_while_its_job_may_say_when_it_ended,
    test_each_projects_cache_keeps_its_newest_bytes,
    test_what_passes_is_forgotten_at_its_age_and_no_earlier,
)

NOW = datetime.now(UTC)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def session(postgres_database_url: str) -> Iterator[Session]:
    """With the projects prj_a and prj_b."""
    engine = sync_engine(postgres_database_url)
    with sessions(engine)() as opened:
        opened.add_all([Project(id="prj_a", name="a"), Project(id="prj_b", name="b")])
        opened.flush()
        yield opened
    engine.dispose()


@pytest.mark.anyio
async def test_a_batch_of_uses_is_one_statement_that_never_goes_back(
    postgres_database_url: str,
) -> None:
    engine = async_engine(postgres_database_url)
    made = async_sessions(engine)
    async with made.begin() as session:
        session.add(Project(id="prj_a", name="a"))
        await session.flush()
        for name, used in (("a", None), ("b", NOW - timedelta(hours=3)), ("c", NOW)):
            row = ApiKey(id=f"key_{name}", project_id="prj_a", name=name, secret_sha256="")
            row.scopes, row.last_used_at = [], used
            session.add(row)
        await session.flush()
        session.add(PageSession(token_sha256="t", key_id="key_a", expires_at=NOW))
    earlier = NOW - timedelta(hours=1)
    async with made.begin() as session:
        await session.execute(note_use(dict.fromkeys(("key_a", "key_b", "key_c"), earlier)))
        await session.execute(rotation.end_sessions("key_a"))
    async with made() as session:
        found = await session.execute(select(ApiKey.id, ApiKey.last_used_at))
        used_at = {row.id: row.last_used_at for row in found}
        assert (await session.scalars(select(PageSession))).all() == []
    assert used_at == {"key_a": earlier, "key_b": earlier, "key_c": NOW}
    await engine.dispose()


@pytest.mark.anyio
async def test_the_audit_is_narrowed_and_paged(postgres_database_url: str) -> None:
    engine = async_engine(postgres_database_url)
    made = async_sessions(engine)
    async with made.begin() as session:
        session.add(Project(id="prj_a", name="a"))
        await session.flush()
        for n, action in enumerate(("job.submit", "job.cancel", "jobs.odd", "key.create")):
            at = NOW - timedelta(hours=n)
            session.add(Audit(project_id="prj_a", action=action, at=at, key_id=f"key_{n}"))
    async with made() as session:
        narrow = audit.traces(
            "prj_a", action="job", since=NOW - timedelta(hours=1), until=NOW, key_id="key_1"
        )
        rows = (await session.scalars(keyset(narrow, Audit, None, 5))).all()
        assert [row.action for row in rows] == ["job.cancel"]
        every = (await session.scalars(keyset(audit.traces("prj_a"), Audit, None, 2))).all()
        assert [row.action for row in every] == ["job.submit", "job.cancel", "jobs.odd"]
    await engine.dispose()
