"""The page at `/` is not in the OpenAPI document: its addresses, walked as the API's are."""

import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import httpx
import pytest
from fastapi.routing import APIRoute

from app.page import assets
from app.page.routes import PAGES
from lathe import ids
from tests.services.tenants.answers import plain
from tests.services.tenants.conftest import Statements, Town
from tests.services.tenants.estate import Estate
from tests.services.tenants.test_paths import KIND, PREFIX, parameters

pytestmark = pytest.mark.anyio

OPEN = {  # the same for all, without a key
    each.path for each in assets.router.routes if isinstance(each, APIRoute)
}
NAMING = [  # every query that names a thing
    ("/compose?model={}", "mdl"),
    ("/compose?dataset={}", "dat"),
    ("/compose?job={}", "job"),
]


@dataclass
class Browser:
    """Somebody who is signed in with a project's key."""

    client: httpx.AsyncClient
    guard: str

    async def ask(self, method: str, path: str) -> httpx.Response:
        """As a form of the page does."""
        fields = {"guard": self.guard} if method == "POST" else None
        return await self.client.request(method, path, data=fields)


@pytest.fixture
async def browser(town: Town) -> AsyncIterator[Browser]:
    transport = httpx.ASGITransport(town.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://lathe.test") as client:
        signed = await client.post("/sign-in", data={"key": town.keys["mine"]})
        assert signed.status_code == 303, signed.text
        guard = re.search(r'data-guard="(\w+)"', (await client.get("/")).text)
        assert guard
        yield Browser(client, guard[1])


def addresses() -> Iterator[tuple[str, str]]:
    """Method and path of every route of the page."""
    for room in PAGES:
        for route in room.router.routes:
            assert isinstance(route, APIRoute)
            for method in sorted(set(route.methods or ()) - {"HEAD"}):
                yield method, route.path


def shown(answer: httpx.Response, *named: str) -> tuple[object, ...]:
    """The page without what is drawn anew for each: one-time tokens and clocks."""
    status, headers, text = plain(answer, *named)
    for noise in (r'(name="once" )?value="[\w-]{22}"', r"\d+(\.\d+)? ?(ms|s|min|h)\b"):
        text = re.sub(noise, "", text)
    return status, headers, re.sub(r"Request [\w-]+|[0-9a-f-]{32,36}", "", text)


def filled(path: str, estate: Estate) -> str:
    return path.format(**{name: estate.one(KIND[name]) for name in parameters(path)})


def test_every_parameter_of_a_page_is_known_to_belong_to_somebody() -> None:
    found = {name for _, path in addresses() if path not in OPEN for name in parameters(path)}
    assert found == {"model_id", "dataset_id", "job_id"}
    queries = {
        field.alias
        for room in PAGES
        for route in room.router.routes
        if isinstance(route, APIRoute)
        for field in route.dependant.query_params
    }
    assert queries == {"model", "dataset", "job", "state", "cursor", "limit", "next"}


async def test_a_page_about_anothers_thing_is_the_page_about_nothing(
    town: Town, browser: Browser, statements: Statements
) -> None:
    await town.theirs.fill()
    asked = 0
    for method, path in addresses():
        if path in OPEN or not parameters(path):
            continue
        (name,) = parameters(path)
        for foreign in town.theirs.things[KIND[name]].values():
            told = []
            for value in (foreign, ids.new(PREFIX[KIND[name]])):
                counted = statements.count
                answer = await browser.ask(method, path.format(**{name: value}))
                told.append((shown(answer, value), statements.count - counted))
                assert answer.status_code == 404, (path, answer.text)
            assert told[0] == told[1], path
            asked += 1
    assert asked >= 20


async def test_a_form_that_begins_with_anothers_thing_knows_nothing_of_it(
    town: Town, browser: Browser
) -> None:
    await town.theirs.fill()
    for path, prefix in NAMING:
        kind = {"mdl": "model", "dat": "dataset", "job": "job"}[prefix]
        for foreign in town.theirs.things[kind].values():
            told = [
                shown(await browser.ask("GET", path.format(value)), value)
                for value in (foreign, ids.new(prefix))
            ]
            assert told[0] == told[1], path


async def test_no_page_changes_when_another_project_comes(town: Town, browser: Browser) -> None:
    paths = [
        filled(path, town.mine)
        for method, path in addresses()
        if method == "GET" and path not in OPEN and not path.endswith("/live")
    ]
    before = {path: shown(await browser.ask("GET", path)) for path in paths}
    await town.theirs.fill()
    after = {path: shown(await browser.ask("GET", path)) for path in paths}
    assert {path for path in paths if before[path] != after[path]} == set()
    assert all(status in {200, 303} for status, *_ in after.values())
    assert [each for each in town.theirs.ids() if each in str(after)] == []
