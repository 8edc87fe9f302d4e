"""The statements of the routes on PostgreSQL, where requests really run at once."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from app.main import create
from app.services import Services
from app.settings import Settings
from app.store import feed
from app.store.bootstrap import bootstrap
from app.store.rows import Blob, Event, IdempotencyKey, Job, Model

pytestmark = pytest.mark.anyio
PIPELINE = [{"technique": "quantize.dynamic"}]
FACTS: dict[str, Any] = {
    "format": "onnx",
    "io": {
        "inputs": [{"name": "x", "dtype": "float32", "shape": ["n", 3]}],
        "outputs": [{"name": "y", "dtype": "float32", "shape": ["n", 7]}],
    },
    "stats": {
        "size_bytes": 9,
        "parameters": 21,
        "macs": 21,
        "opset": 18,
        "operators": {"Gemm": 1},
        "layers": [],
    },
    "capabilities": {"torch_view": True},
}


class Quiet:
    """Hints that go nowhere."""

    async def send(self, queue: str) -> bool:
        return bool(queue)

    async def trouble(self) -> str | None:
        return None

    async def close(self) -> None:
        pass


@dataclass
class Service:
    parts: Services
    client: httpx.AsyncClient

    async def model(self, content: bytes) -> str:
        made = await self.client.post("/v1/models", content=content)
        async with self.parts.writing() as session:
            ready = {"state": "ready", "facts": FACTS}
            await session.execute(
                update(Model)
                .where(Model.id == made.json()["id"])
                .values(**ready, canonical_blob_id=Model.upload_blob_id)
            )
            done = update(Job).where(Job.id == made.json()["inspection_job"])
            await session.execute(done.values(state="succeeded"))
        model_id: str = made.json()["id"]
        return model_id


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def service(postgres_database_url: str, tmp_path: Path) -> AsyncIterator[Service]:
    key = await asyncio.to_thread(bootstrap, postgres_database_url)
    settings = Settings(
        database_url=postgres_database_url, objects_url=f"file://{tmp_path}/objects"
    )
    app = create(settings, hints=lambda _: Quiet())
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app),
            base_url="http://lathe.test",
            headers={"Authorization": f"Bearer {key}"},
        ) as client,
    ):
        yield Service(app.state.services, client)


async def test_two_starts_at_once_make_one_key(postgres_database_url: str) -> None:
    keys = await asyncio.gather(
        *(asyncio.to_thread(bootstrap, postgres_database_url) for _ in range(4))
    )
    assert sorted(key is None for key in keys) == [False, True, True, True]


async def test_what_races_for_one_row_gets_one_row(service: Service, tmp_path: Path) -> None:
    client = service.client
    uploads = [client.post("/v1/models", content=b"the same") for _ in range(6)]
    assert {answer.status_code for answer in await asyncio.gather(*uploads)} == {201}
    assert len([path for path in (tmp_path / "objects").rglob("*") if path.is_file()]) == 1
    spec = {"model": await service.model(b"another"), "pipeline": PIPELINE}
    headers = {"Idempotency-Key": "raced"}
    answers = await asyncio.gather(
        *(client.post("/v1/jobs", json=spec, headers=headers) for _ in range(8))
    )
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 1
    async with service.parts.reading() as session:
        assert len((await session.scalars(select(Blob))).all()) == 2
        assert len((await session.scalars(select(IdempotencyKey))).all()) == 1
        jobs = select(Job).where(Job.kind == "compress")
        assert len((await session.scalars(jobs)).all()) == 1


async def test_a_feed_has_no_gap_when_many_write_it(service: Service) -> None:
    spec = {"model": await service.model(b"m"), "pipeline": PIPELINE}
    job_id = (await service.client.post("/v1/jobs", json=spec)).json()["id"]

    async def say() -> None:
        async with service.parts.writing() as session:
            await feed.append_async(session, job_id, "said", {})

    await asyncio.gather(*(say() for _ in range(12)))
    async with service.parts.reading() as session:
        numbers = select(Event.seq).where(Event.job_id == job_id).order_by(Event.seq)
        assert list(await session.scalars(numbers)) == list(range(1, 14))


async def test_the_life_of_a_job_and_its_model(service: Service) -> None:
    client = service.client
    model_id = await service.model(b"m")
    spec = {"model": model_id, "pipeline": PIPELINE, "labels": {"run.no": "3"}}
    first = (await client.post("/v1/jobs", json=spec)).json()["id"]
    other = (await client.post("/v1/jobs", json={**spec, "labels": {}})).json()["id"]
    found = (await client.get("/v1/jobs?label=run.no:3&kind=compress&state=queued")).json()
    assert [item["id"] for item in found["items"]] == [first]
    page = (await client.get("/v1/jobs?kind=compress&limit=1")).json()
    rest = await client.get(f"/v1/jobs?kind=compress&cursor={page['next_cursor']}")
    assert [page["items"][0]["id"], rest.json()["items"][0]["id"]] == [other, first]
    assert (await client.delete(f"/v1/models/{model_id}")).status_code == 409
    for job_id in (first, other):
        assert (await client.post(f"/v1/jobs/{job_id}/cancel")).json()["state"] == "cancelled"
    again = (await client.post(f"/v1/jobs/{first}/retry")).json()
    assert (again["retry_of"], again["state"]) == (first, "queued")
    await client.post(f"/v1/jobs/{again['id']}/cancel")
    assert (await client.delete(f"/v1/models/{model_id}")).status_code == 204
    async with service.parts.reading() as session:
        assert (await session.scalars(select(Blob))).one().doomed_at is not None
    assert (await client.get("/readyz")).json()["database"]["ok"] is True
    assert 'state="cancelled"} 3.0' in (await client.get("/metrics")).text


async def test_pages_are_read_and_a_form_makes_a_job(service: Service) -> None:
    model = await service.model(b"shown")
    client = service.client
    printable = client.headers.pop("authorization").removeprefix("Bearer ")
    assert (await client.post("/sign-in", data={"key": printable})).status_code == 303
    paths = ("/", "/jobs", "/models", f"/models/{model}", "/datasets", "/compose")
    shown = {path: await client.get(path) for path in paths}
    assert {path: answer.status_code for path, answer in shown.items()} == dict.fromkeys(
        paths, 200
    )
    guard = shown["/"].text.partition('data-guard="')[2].partition('"')[0]
    form = {"guard": guard, "model": model, "do": "submit", "once": "1"}
    form |= {"pipeline.#": "1", "pipeline.0.technique": PIPELINE[0]["technique"]}
    made = await client.post("/compose", data=form)
    assert made.status_code == 303, made.text
    assert "quantize.dynamic" in (await client.get(made.headers["location"])).text
    assert (await client.post("/sign-out", data={"guard": guard})).status_code == 303
    assert (await client.get("/")).status_code == 303
