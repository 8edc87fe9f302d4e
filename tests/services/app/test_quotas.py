"""Uploads and jobs that come at once never pass a project's quota together."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.main import create
from app.settings import Settings
from app.store.bootstrap import bootstrap
from app.store.migrate import upgrade
from app.store.quotas.stored import stored
from app.store.rows import Job, Project
from tests.services.app.test_routes_postgres import PIPELINE, Quiet, Service

pytestmark = pytest.mark.anyio
MANY = 12


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=["sqlite", "postgres"])
async def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgres":
        found: str = request.getfixturevalue("postgres_database_url")
        return found
    made = f"sqlite:///{tmp_path / 'lathe.db'}"
    await asyncio.to_thread(upgrade, made)
    return made


@pytest.fixture
async def settings(url: str, tmp_path: Path) -> Settings:
    return Settings(
        database_url=url,
        objects_url=f"file://{tmp_path}/objects",
        database_pool_wait_s=30,
        database_statement_timeout_s=30,
        quota_stored_bytes=500,
        quota_unfinished_jobs=7,
    )


@pytest.fixture
async def service(settings: Settings) -> AsyncIterator[Service]:
    key = await asyncio.to_thread(bootstrap, settings.database_url)
    app = create(settings, hints=lambda _: Quiet())
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app),
            base_url="http://lathe.test",
            headers={"Authorization": f"Bearer {key}"},
            timeout=60,
        ) as client,
    ):
        yield Service(app.state.services, client)


async def used(service: Service) -> int:
    async with service.parts.reading() as session:
        project = (await session.scalars(Project.__table__.select())).one()
        return (await session.run_sync(stored, project)).counted


def said(answers: list[Any]) -> Counter[str]:
    return Counter(
        answer.json()["code"] if answer.status_code == 429 else str(answer.status_code)
        for answer in answers
    )


async def test_bodies_that_come_at_once_fit_together(service: Service, tmp_path: Path) -> None:
    async def body(n: int) -> AsyncIterator[bytes]:
        yield bytes([n]) * 60
        await asyncio.sleep(0.2)  # all of them are on their way when the first is whole
        yield bytes([n]) * 60

    posts = [service.client.post("/v1/models", content=body(n)) for n in range(MANY)]
    found = said(await asyncio.gather(*posts))
    assert found == {"201": 4, "storage_quota_reached": MANY - 4}
    assert await used(service) == 480
    files = [path for path in (tmp_path / "objects").rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) == 480


async def test_uploads_that_are_announced_at_once_fit_together(service: Service) -> None:
    headers = {"Tus-Resumable": "1.0.0", "Upload-Length": "120"}
    posts = [service.client.post("/v1/uploads", headers=headers) for _ in range(MANY)]
    found = said(await asyncio.gather(*posts))
    assert found == {"201": 4, "storage_quota_reached": MANY - 4}
    assert await used(service) == 480


async def test_the_last_job_that_fits_answers_every_repetition_of_its_request(
    service: Service,
) -> None:
    spec = {"model": await service.model(b"a model"), "pipeline": PIPELINE}
    for _ in range(6):
        assert (await service.client.post("/v1/jobs", json=spec)).status_code == 202
    again = {"Idempotency-Key": "once"}
    posts = [service.client.post("/v1/jobs", json=spec, headers=again) for _ in range(MANY)]
    answers = await asyncio.gather(*posts)
    assert said(answers) == {"202": MANY}
    assert len({answer.json()["id"] for answer in answers}) == 1
    other = await service.client.post("/v1/jobs", json=spec, headers={"Idempotency-Key": "b"})
    assert said([other]) == {"job_quota_reached": 1}


async def test_an_upload_is_used_once_by_whoever_asks_however_full_the_project_is(
    service: Service,
) -> None:
    spec = {"model": await service.model(b"a model"), "pipeline": PIPELINE}
    for _ in range(6):
        assert (await service.client.post("/v1/jobs", json=spec)).status_code == 202
    tus = {"Tus-Resumable": "1.0.0"}
    begun = await service.client.post("/v1/uploads", headers={**tus, "Upload-Length": "3"})
    where = begun.headers["location"]
    kind = {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    await service.client.patch(where, content=b"abc", headers={**tus, **kind})
    address = f"/v1/models?upload={where.rpartition('/')[2]}"
    answers = await asyncio.gather(*(service.client.post(address) for _ in range(MANY)))
    assert said(answers) == {"201": MANY}
    assert len({answer.json()["id"] for answer in answers}) == 1


async def test_jobs_that_are_submitted_at_once_keep_to_the_limit(service: Service) -> None:
    spec = {"model": await service.model(b"a model"), "pipeline": PIPELINE}
    posts = [service.client.post("/v1/jobs", json=spec) for _ in range(MANY)]
    assert said(await asyncio.gather(*posts)) == {"202": 7, "job_quota_reached": MANY - 7}
    more = [service.client.post("/v1/models", content=bytes([n])) for n in range(3)]
    assert said(await asyncio.gather(*more)) == {"job_quota_reached": 3}
    async with service.parts.reading() as session:
        rows = (await session.scalars(Job.__table__.select())).all()
    assert len(rows) == 8  # with the inspection of the model
