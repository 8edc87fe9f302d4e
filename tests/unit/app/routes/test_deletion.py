"""Jobs and projects are deleted with what is theirs, and with nothing that is not."""

from typing import Any

import pytest
from sqlalchemy import func, select

from app import page_session
from app.store import tenants
from app.store.db import sessions, sync_engine
from app.store.retention.projects import forget_projects
from app.store.rows import ApiKey, Audit, Base, Blob, Job, Project, Tally
from lathe import ids

pytestmark = pytest.mark.anyio


async def count(world: Any, row: type[Base]) -> int:
    async with world.parts.reading() as session:
        return int(await session.scalar(select(func.count()).select_from(row)))


async def test_a_finished_job_is_gone_with_its_files_at_once(world: Any) -> None:
    job_id = await world.job()
    path = f"/v1/jobs/{job_id}"
    waiting = await world.client.delete(path)
    assert (waiting.status_code, waiting.json()["code"]) == (409, "conflict")
    assert "cancel it first" in waiting.json()["detail"]
    await world.ends(job_id)
    artifact_id = await world.artifact(job_id, b"{}", "report.json")
    assert (await world.client.get(path)).status_code == 200  # kept in memory from now on
    assert (await world.stranger.delete(path)).status_code == 404
    assert (await world.client.delete(path)).status_code == 204
    for gone in (path, f"{path}/report", f"{path}/events", f"/v1/artifacts/{artifact_id}"):
        assert (await world.client.get(gone)).status_code == 404, gone
    assert (await world.client.delete(path)).status_code == 404
    async with world.parts.reading() as session:
        (row,) = await session.scalars(select(Audit).where(Audit.action == "job.delete"))
        doomed = await session.scalar(select(func.count()).where(Blob.doomed_at.is_not(None)))
    assert (row.target, doomed) == (job_id, 1)


async def test_a_key_that_only_reads_deletes_no_job_and_a_writing_one_no_project(
    world: Any,
) -> None:
    job_id = await world.job()
    await world.ends(job_id)
    for scope, path in (("read", f"/v1/jobs/{job_id}"), ("write", "/v1/projects/prj_x")):
        key = await world.client.post("/v1/keys", json={"name": "k", "scopes": [scope]})
        client = await world.as_key(key.json()["key"])
        assert (await client.delete(path)).status_code == 403


class Tenant:
    """A project beside the first, with something in every table that a service fills."""

    def __init__(self, made: Any, client: Any) -> None:
        self.id, self.key, self.client = made["id"], made["key"]["key"], client


async def tenant(world: Any) -> Tenant:
    made = (await world.client.post("/v1/projects", json={"name": "leaver"})).json()
    return Tenant(made, await world.as_key(made["key"]["key"]))


async def test_a_project_is_in_the_way_of_nothing_while_its_jobs_run(world: Any) -> None:
    theirs = await tenant(world)
    uploaded = await theirs.client.post("/v1/models", content=b"abc")
    path = f"/v1/projects/{theirs.id}"
    refused = await theirs.client.delete(path)
    assert (refused.status_code, refused.json()["param"]) == (409, "cancel_jobs")
    assert uploaded.json()["inspection_job"] in refused.json()["detail"]
    assert (await world.client.delete(path)).status_code == 404
    assert (await theirs.client.delete(f"{path}?cancel_jobs=true")).status_code == 202
    assert (await theirs.client.get("/v1/models")).status_code == 401
    again = await world.client.post("/v1/projects", json={"name": "leaver"})
    assert again.status_code == 201  # the name is free at once


async def test_a_key_that_is_made_while_its_project_is_deleted_opens_nothing(
    world: Any,
) -> None:
    theirs = await tenant(world)
    row, late = tenants.new_key(theirs.id, "late", ["read", "write", "admin"])
    session, cookie = page_session.new(row.id)
    await theirs.client.delete(f"/v1/projects/{theirs.id}")
    await world.add(row, session)  # by requests that had begun
    client = await world.as_key(late)
    assert (await client.get("/v1/models")).status_code == 401
    assert (await client.post("/v1/models", content=b"abc")).status_code == 401
    client.headers.pop("authorization")
    client.cookies.set(page_session.COOKIE, cookie)
    assert (await client.get("/v1/models")).status_code == 401
    assert (await client.get("/")).status_code == 303


async def test_a_deleted_project_leaves_nothing_but_its_trace_with_the_operator(
    world: Any, settings: Any
) -> None:
    before = {row: await count(world, row) for row in everything()}
    theirs = await tenant(world)
    await theirs.client.post("/v1/models", content=b"abc")
    hook = await theirs.client.post("/v1/webhooks", json={"url": "https://h.example/"})
    await theirs.client.post(f"/v1/webhooks/{hook.json()['id']}/test")
    await theirs.client.post(
        "/v1/uploads", headers={"Tus-Resumable": "1.0.0", "Upload-Length": "9"}
    )
    await theirs.client.delete(f"/v1/projects/{theirs.id}?cancel_jobs=true")
    mine = await world.model()
    engine = sync_engine(settings.database_url)
    for _ in range(100):
        with sessions(engine).begin() as session:
            if not forget_projects(session):
                break
    engine.dispose()
    left = {row: await count(world, row) for row in everything()}
    mine_too = {"models": 1, "blobs": 1, "audit": 2, "dead_objects": 2}  # the object, the stage
    changed = {r.__tablename__: left[r] - before[r] for r in left if left[r] != before[r]}
    changed.pop(Tally.__tablename__)  # of the whole service: they name nobody
    assert changed == mine_too
    assert (await world.client.get(f"/v1/models/{mine}")).status_code == 200
    async with world.parts.reading() as session:
        rows = await session.scalars(select(Audit).order_by(Audit.at))
        told = [(row.action, row.target, row.data) for row in rows]
    assert told == [
        ("project.create", theirs.id, {}),
        ("project.delete", theirs.id, {"name": "leaver"}),
    ]


async def test_a_running_job_is_waited_for(world: Any, settings: Any) -> None:
    theirs = await tenant(world)
    uploaded = await theirs.client.post("/v1/models", content=b"abc")
    job_id = uploaded.json()["inspection_job"]
    async with world.parts.writing() as session:
        (await session.get(Job, job_id)).state = "running"
    await theirs.client.delete(f"/v1/projects/{theirs.id}?cancel_jobs=true")
    assert (await world.get(Job, job_id)).cancel_requested
    engine = sync_engine(settings.database_url)
    with sessions(engine).begin() as session:
        assert forget_projects(session) == 0
    engine.dispose()
    assert (await world.get(Project, theirs.id)).deleted_at is not None


async def test_the_first_project_is_not_deleted(world: Any) -> None:
    answer = await world.client.delete(f"/v1/projects/{world.project_id}")
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert (await world.client.delete(f"/v1/projects/{ids.new('prj')}")).status_code == 404
    row = await world.get(ApiKey, f"key_{world.key.split('_')[1]}")
    assert row.revoked_at is None


def everything() -> list[type[Base]]:
    return [mapper.class_ for mapper in Base.registry.mappers if mapper.class_ is not Base]
