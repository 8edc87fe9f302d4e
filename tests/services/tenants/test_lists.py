"""All that a tenant reads is the same whether another tenant is there or not."""

import re
from typing import Any

import pytest

from app.store import cache, training
from app.store.db import sessions, sync_engine
from app.store.pages import decode_cursor, encode_cursor
from lathe import ids
from tests.services.tenants.answers import plain
from tests.services.tenants.conftest import Town
from tests.services.tenants.estate import Estate
from tests.services.tenants.test_paths import everything

pytestmark = pytest.mark.anyio

LABELS = {  # of metrics; none is a project's, and none is made of what people write
    *("queue", "state", "code", "device"),
    *("method", "route", "status", "le"),
    *("kind", "how", "technique", "stage", "outcome", "reason"),
}


def lists(document: dict[str, Any]) -> list[str]:
    """The paths that give pages."""
    return [
        path
        for path, item in document["paths"].items()
        if any(each["name"] == "cursor" for each in item.get("get", {}).get("parameters", []))
    ]


def filled(template: str, estate: Estate) -> str:
    """The path of a list, where there is something in it."""
    job, hook = estate.things["job"]["finished"], estate.things["webhook"]["one"]
    return template.format(job_id=job, webhook_id=hook)


async def test_nothing_that_a_tenant_reads_changes_when_another_one_comes(
    town: Town, document: dict[str, Any]
) -> None:
    before = await everything(town.mine, document)
    await town.theirs.fill()
    after = await everything(town.mine, document)
    assert {path for path in before if before[path] != after[path]} == set()
    assert len(before) > 45
    told = str(after)
    assert [each for each in town.theirs.ids() if each in told] == []
    assert [each for each in town.mine.ids() if each not in told] == []


async def test_what_is_left_of_the_rate_tells_of_ones_own_requests_alone(town: Town) -> None:
    """However many another sends between two of one's own."""

    async def left() -> int:
        answer = await town.mine.client.get("/v1/models")
        return int(answer.headers["ratelimit"].partition(";r=")[2])

    before = await left()
    for _ in range(20):
        assert (await town.theirs.client.get("/v1/models")).status_code == 200
    assert await left() >= before - 1


async def test_a_place_in_anothers_list_tells_no_more_than_its_moment(
    town: Town, document: dict[str, Any]
) -> None:
    await town.theirs.fill()
    cursors = 0
    for template in lists(document):
        path, own = filled(template, town.theirs), filled(template, town.mine)
        cursor = (await town.theirs.client.get(path, params={"limit": 1})).json()["next_cursor"]
        if cursor is None:
            continue
        cursors += 1
        moment, last_id = decode_cursor(cursor)
        never = encode_cursor(moment, ids.new(last_id.partition("_")[0]))
        got = [
            plain(await town.mine.client.get(own, params={"cursor": each}))
            for each in (cursor, never)
        ]
        assert got[0] == got[1], template
        assert got[0][0] == 200
    assert cursors >= 5


async def test_every_list_holds_each_thing_of_its_own_project_once(
    town: Town, document: dict[str, Any]
) -> None:
    await town.theirs.fill()
    for template in lists(document):
        path = filled(template, town.mine)
        seen: list[str] = []
        cursor: str | None = None
        while cursor is not None or not seen:
            page = (
                await town.mine.client.get(path, params={"cursor": cursor} if cursor else {})
            ).json()
            seen += [str(each.get("id", each)) for each in page["items"]]
            cursor = page["next_cursor"]
            assert page["items"], template
            if cursor is None:
                break
        assert len(seen) == len(set(seen)), template
        assert not set(seen) & set(town.theirs.ids()), template


async def test_the_caches_of_steps_are_of_one_project(town: Town) -> None:
    await town.theirs.fill()
    (mine, theirs) = (each.world.project_id for each in (town.mine, town.theirs))
    engine = sync_engine(town.parts.settings.database_url)
    with sessions(engine)() as session:
        session.connection(execution_options={"read_only": True})
        found = {project: cache.find(session, project, "5" * 64) for project in (mine, theirs)}
        states = {p: training.find(session, p, "7" * 64) for p in (mine, theirs)}
    engine.dispose()
    for each in (found, states):
        assert each[mine] is not None
        assert each[theirs] is not None
        assert each[mine] != each[theirs]


async def test_numbers_and_health_name_no_project_and_nothing_of_one(town: Town) -> None:
    """They say how the whole stands, to whoever may scrape (docs/operations/monitoring.md)."""
    health = [(await town.mine.client.get(path)).text for path in ("/healthz", "/readyz")]
    await town.theirs.fill()
    assert health == [
        (await town.mine.client.get(path)).text for path in ("/healthz", "/readyz")
    ]
    told = (await town.mine.client.get("/metrics")).text
    estates = (town.mine, town.theirs)
    secret = [each for estate in estates for each in estate.ids()]
    secret += [estate.world.project_id for estate in estates]
    secret += [f"job of {estate.name}" for estate in estates] + ["hooks.example"]
    assert [each for each in secret if each in told] == []
    labels = set(re.findall(r'[{,](\w+)="', told))
    assert labels
    assert labels <= LABELS
