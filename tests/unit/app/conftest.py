"""The whole service in one process: a real SQLite file, a real folder of objects, and hints
that are only remembered. What workers would do is written through the store."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import update

from app.main import create
from app.metrics import Metrics
from app.services import Services, opened
from app.settings import Settings
from app.store import feed, tenants
from app.store.blobs.objects import new_key
from app.store.db import sessions, sync_engine
from app.store.rows import (
    Artifact,
    Base,
    Blob,
    Dataset,
    Job,
    MeasurementRow,
    Model,
    Project,
)
from app.store.rows.base import utc_now
from lathe import ids

FACTS: dict[str, Any] = {
    "format": "onnx",
    "io": {
        "inputs": [{"name": "image", "dtype": "float32", "shape": ["n", 3, 4, 5]}],
        "outputs": [{"name": "scores", "dtype": "float32", "shape": ["n", 7]}],
    },
    "stats": {
        "size_bytes": 900,
        "parameters": 210,
        "macs": 420,
        "opset": 18,
        "operators": {"Conv": 1, "Gemm": 1},
        "layers": [
            {
                "id": "conv1.weight",
                "operator": "Conv",
                "weight_shape": [2, 3, 1, 1],
                "parameters": 6,
                "macs": 120,
            },
            {
                "id": "fc.weight",
                "operator": "Gemm",
                "weight_shape": [7, 40],
                "parameters": 280,
                "macs": 280,
            },
        ],
    },
    "capabilities": {"torch_view": True},
}
DATA_FACTS: dict[str, Any] = {
    "format": "npz",
    "splits": [
        {
            "name": "train",
            "examples": 11,
            "fields": [
                {"name": "image", "dtype": "float32", "shape": [3, 4, 5]},
                {"name": "label", "dtype": "int64", "shape": [], "minimum": 0, "maximum": 6},
            ],
        }
    ],
}


class Remembered:
    """Hints that go nowhere. `down` plays a broker that is not there."""

    def __init__(self) -> None:
        self.queues: list[str] = []
        self.down = False
        self.sent = asyncio.Event()

    async def send(self, queue: str) -> bool:
        self.queues.append(queue)
        self.sent.set()
        return not self.down

    async def trouble(self) -> str | None:
        return "the broker does not answer (played)" if self.down else None

    async def close(self) -> None:
        pass


@dataclass
class World:
    """One running service, two tenants, and what a worker would write."""

    app: FastAPI
    parts: Services
    hints: Remembered
    project_id: str
    key: str
    client: httpx.AsyncClient
    stranger: httpx.AsyncClient
    objects: Path
    opened: AsyncExitStack = field(repr=False, default_factory=AsyncExitStack)

    async def as_key(self, key: str) -> httpx.AsyncClient:
        return await self.opened.enter_async_context(_client(self.app, key))

    def stored_objects(self) -> list[Path]:
        return [path for path in self.objects.rglob("*") if path.is_file()]

    async def add(self, *rows: Base) -> None:
        async with self.parts.writing() as session:
            for row in rows:
                session.add(row)
                await session.flush()

    async def get(self, table: type[Any], row_id: str) -> Any:
        async with self.parts.reading() as session:
            return await session.get(table, row_id)

    async def blob(self, content: bytes) -> Blob:
        async def chunks() -> AsyncIterator[bytes]:
            yield content

        key = new_key("test")
        written = await self.parts.objects.write(key, chunks(), max_bytes=None)
        row = Blob(
            id=ids.new("blb"),
            project_id=self.project_id,
            key=key,
            sha256=written.sha256,
            size_bytes=written.size_bytes,
        )
        await self.add(row)
        return row

    async def model(self, state: str = "ready", facts: dict[str, Any] | None = None) -> str:
        blob = await self.blob(ids.new("any").encode())
        row = Model(
            id=ids.new("mdl"),
            project_id=self.project_id,
            state=state,
            upload_blob_id=blob.id,
            canonical_blob_id=blob.id if state == "ready" else None,
            facts=(facts or FACTS) if state == "ready" else None,
            failure={
                "code": "corrupt_model",
                "class": "unsupported_model",
                "retryable": False,
                "detail": "the file ends early",
            }
            if state == "rejected"
            else None,
        )
        await self.add(row)
        return row.id

    async def dataset(self, facts: dict[str, Any] | None = None, state: str = "ready") -> str:
        blob = await self.blob(ids.new("any").encode())
        row = Dataset(
            id=ids.new("dat"),
            project_id=self.project_id,
            state=state,
            upload_blob_id=blob.id,
            canonical_blob_id=blob.id,
            facts=(facts or DATA_FACTS) if state == "ready" else None,
        )
        await self.add(row)
        return row.id

    async def job(self, **body: Any) -> str:
        if "model" not in body:
            body["model"] = await self.model()
        spec = {"pipeline": [{"technique": "quantize.dynamic"}], **body}
        answer = await self.client.post("/v1/jobs", json=spec)
        assert answer.status_code == 202, answer.text
        job_id: str = answer.json()["id"]
        return job_id

    async def ends(self, job_id: str, state: str = "succeeded", **values: Any) -> None:
        """As a worker would: the row and its last event in one transaction."""
        async with self.parts.writing() as session:
            changed = update(Job).where(Job.id == job_id)
            await session.execute(
                changed.values(
                    state=state, version=Job.version + 1, finished_at=utc_now(), **values
                )
            )
            await feed.append_async(session, job_id, state, {})  # type: ignore[arg-type]

    async def artifact(
        self,
        job_id: str,
        content: bytes,
        kind: str = "onnx",
        media_type: str = "application/onnx",
    ) -> str:
        blob = await self.blob(content)
        row = Artifact(
            id=ids.new("art"),
            project_id=self.project_id,
            job_id=job_id,
            blob_id=blob.id,
            kind=kind,
            name=f"small {kind}",
            candidate="int8",
            media_type=media_type,
        )
        await self.add(row)
        return row.id

    async def measurement(self, job_id: str, model_id: str, metric: str, value: float) -> None:
        await self.add(
            MeasurementRow(
                project_id=self.project_id,
                job_id=job_id,
                model_id=model_id,
                role="candidate",
                candidate="int8",
                metric=metric,
                value=value,
                data={"metric": metric, "value": value, "unit": "bytes"},
                environment={"cpu": "played"},
            )
        )


def _client(app: FastAPI, key: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app, raise_app_exceptions=False),
        base_url="http://lathe.test",
        headers={"Authorization": f"Bearer {key}"},
    )


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def app() -> FastAPI:
    """One for every test, as routes are built at their first use; the parts are each test's."""
    return create(Settings(max_json_bytes=4000))


@pytest.fixture(scope="session")
def document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document; making it is slow."""
    return app.openapi()


@dataclass(frozen=True)
class Template:
    """An empty database with two projects, copied for each test."""

    path: Path
    project_id: str
    key: str
    stranger_key: str


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    path = tmp_path_factory.mktemp("template") / "lathe.db"
    engine = sync_engine(f"sqlite:///{path}")
    Base.metadata.create_all(engine)
    with sessions(engine).begin() as session:
        key = tenants.bootstrap(session)
        assert key is not None
        default = session.scalars(tenants.named("default")).one()
        other = Project(name="other")
        session.add(other)
        session.flush()
        row, stranger_key = tenants.new_key(other.id, "s", ["read", "write", "admin"])
        session.add(row)
        project_id = default.id
    engine.dispose()  # the last connection to close leaves one whole file
    return Template(path, project_id, key, stranger_key)


@pytest.fixture
def settings(tmp_path: Path, template: Template) -> Settings:
    shutil.copy(template.path, tmp_path / "lathe.db")
    return Settings(
        database_url=f"sqlite:///{tmp_path}/lathe.db",
        objects_url=f"file://{tmp_path}/objects",
        max_model_bytes=5000,
        max_dataset_bytes=6000,
        max_json_bytes=4000,
        page_size=2,
        broker_url="memory://",
    )


@pytest.fixture
async def world(
    app: FastAPI, settings: Settings, template: Template, tmp_path: Path
) -> AsyncIterator[World]:
    hints = Remembered()
    async with AsyncExitStack() as stack:
        opening = opened(settings, lambda _: hints, Metrics())
        app.state.services = await stack.enter_async_context(opening)
        yield World(
            app=app,
            parts=app.state.services,
            hints=hints,
            project_id=template.project_id,
            key=template.key,
            client=await stack.enter_async_context(_client(app, template.key)),
            stranger=await stack.enter_async_context(_client(app, template.stranger_key)),
            objects=tmp_path / "objects",
            opened=stack,
        )
