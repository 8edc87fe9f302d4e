"""One service and two of its tenants, on SQLite and on PostgreSQL, in this process."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import event
from sqlalchemy.engine import Engine

from app.main import create
from app.metrics import Metrics
from app.services import Services, opened
from app.settings import Settings
from app.store import tenants
from app.store.bootstrap import bootstrap
from app.store.db import sessions, sync_engine
from app.store.rows import Project
from tests.services.tenants.estate import Estate, installation
from tests.unit.app.conftest import Remembered, World


@dataclass
class Town:
    """The service with its operator, a tenant `mine` that asks and a tenant `theirs`."""

    app: FastAPI
    parts: Services
    operator: httpx.AsyncClient
    mine: Estate
    theirs: Estate
    keys: dict[str, str]


class Statements:
    """Counts what is asked of any database, but for who asks: that is remembered for a while,
    and noted now and then."""

    def __init__(self) -> None:
        self.count = 0

    def note(self, _connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        self.count += "api_keys" not in statement


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def service() -> FastAPI:
    """Routes are built once; the parts are each test's."""
    return create(Settings(max_json_bytes=20_000))


@pytest.fixture(scope="session")
def document(service: FastAPI) -> dict[str, Any]:
    """The OpenAPI document; making it is slow."""
    return service.openapi()


@pytest.fixture
def statements() -> Iterator[Statements]:
    counted = Statements()
    event.listen(Engine, "before_cursor_execute", counted.note)
    yield counted
    event.remove(Engine, "before_cursor_execute", counted.note)


@pytest.fixture(params=["sqlite", "postgres"])
def town_url(request: pytest.FixtureRequest) -> str:
    url: str = request.getfixturevalue(f"{request.param}_database_url")
    return url


def _tenant(url: str, name: str) -> tuple[str, str]:
    """A project's id and its admin key."""
    engine = sync_engine(url)
    with sessions(engine).begin() as session:
        project = Project(name=name)
        session.add(project)
        session.flush()
        row, key = tenants.new_key(project.id, f"admin of {name}", tenants.EVERY_SCOPE)
        session.add(row)
        found = project.id, key
    engine.dispose()
    return found


@pytest.fixture
async def town(service: FastAPI, town_url: str, tmp_path: Path) -> AsyncIterator[Town]:
    """The asking tenant has everything; the other one has nothing yet."""
    operators = await asyncio.to_thread(bootstrap, town_url)
    assert operators is not None
    settings = Settings(
        database_url=town_url,
        objects_url=f"file://{tmp_path}/objects",
        page_size=2,
        max_json_bytes=20_000,
    )
    async with AsyncExitStack() as stack:
        hints = Remembered()
        parts = await stack.enter_async_context(opened(settings, lambda _: hints, Metrics()))
        service.state.services = parts

        async def client(key: str) -> httpx.AsyncClient:
            transport = httpx.ASGITransport(service, raise_app_exceptions=False)
            headers = {"Authorization": f"Bearer {key}"}
            made = httpx.AsyncClient(
                transport=transport, base_url="http://lathe.test", headers=headers
            )
            return await stack.enter_async_context(made)

        estates, keys = {}, {}
        for name in ("mine", "theirs"):
            project_id, keys[name] = await asyncio.to_thread(_tenant, town_url, name)
            asking = await client(keys[name])
            world = World(
                *(service, parts, hints, project_id, keys[name], asking, asking),
                objects=tmp_path / "objects",
            )
            estates[name] = Estate(world, name)
        await installation(estates["mine"].world)
        await estates["mine"].fill()
        yield Town(
            app=service,
            parts=parts,
            operator=await client(operators),
            mine=estates["mine"],
            theirs=estates["theirs"],
            keys=keys,
        )
