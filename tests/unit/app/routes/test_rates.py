"""Too many requests are answered 429, each kind by its own count, with the time to wait."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from app.known_keys import KnownKeys
from app.page_session import COOKIE, guard_of
from app.rates.counts import Counts
from app.rates.rates import Rates

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def limited(world: Any, **limits: str) -> AsyncIterator[None]:
    rates = Rates(limits, Counts("memory://", 1.0))  # type: ignore[arg-type]
    before = world.app.state.services
    world.app.state.services = replace(before, rates=rates)
    try:
        yield
    finally:
        world.app.state.services = before
        await rates.close()


def refused(answer: Any) -> str:
    assert (answer.status_code, answer.json()["code"]) == (429, "rate_limited"), answer.text
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert answer.json()["retryable"] is True
    return str(answer.json()["detail"])


@pytest.mark.parametrize("path", ["/v1/jobs/{job}", "/v1/models", "/v1/jobs/{job}/events"])
async def test_reads_are_refused_beyond_the_limit_and_writes_are_not(
    world: Any, path: str
) -> None:
    job = await world.job()
    asked = path.format(job=job)
    async with limited(world, reads="3/minute"):
        statuses = [(await world.client.get(asked)).status_code for _ in range(3)]
        assert statuses == [200] * 3
        assert "3 in a minute" in refused(await world.client.get(asked))
        assert (await world.client.post(f"/v1/jobs/{job}/cancel")).status_code == 200
        assert (await world.stranger.get("/v1/models")).status_code == 200


async def test_every_answer_to_a_key_says_what_is_left_and_no_other_does(world: Any) -> None:
    job = await world.job()
    async with limited(world, reads="3/minute", writes="9/hour"):
        for left, path in enumerate((f"jobs/{job}", f"jobs/{job}/events", "models/mdl_x")):
            answer = await world.client.get(f"/v1/{path}")
            assert answer.headers["ratelimit-policy"] == '"reads";q=3;w=60'
            assert answer.headers["ratelimit"].startswith(f'"reads";r={2 - left}')
        answer = await world.client.get("/v1/models")
        refused(answer)
        seconds = answer.headers["retry-after"]
        assert answer.headers["ratelimit"] == f'"reads";r=0;t={seconds}'
        wrote = await world.client.post("/v1/jobs", json={})
        assert wrote.headers["ratelimit-policy"] == '"writes";q=9;w=3600'
        assert wrote.headers["ratelimit"] == '"writes";r=8'
        nobody = await world.client.get("/v1/models", headers={"Authorization": "Bearer x"})
        assert nobody.status_code == 401
        assert "ratelimit" not in nobody.headers
        assert "ratelimit" not in (await world.client.get("/healthz")).headers
    async with limited(world, reads=""):
        assert "ratelimit" not in (await world.client.get("/v1/models")).headers


async def test_the_document_tells_of_the_fields(world: Any) -> None:
    document, both = world.app.openapi(), {"RateLimit", "RateLimit-Policy"}
    for code, told in document["paths"]["/v1/models"]["get"]["responses"].items():
        assert (both <= told.get("headers", {}).keys()) == (code != "401")
    assert both == document["components"]["headers"].keys()


async def test_the_answer_says_how_long_to_wait(world: Any) -> None:
    async with limited(world, reads="1/day"):
        await world.client.get("/v1/models")
        answer = await world.client.get("/v1/models")
        assert 1 < int(answer.headers["retry-after"]) <= 86_400  # by chance 1: once in a day


async def test_all_keys_of_a_project_count_together(world: Any) -> None:
    made = await world.client.post("/v1/keys", json={"name": "second"})
    second = await world.as_key(made.json()["key"])
    async with limited(world, reads="2/minute"):
        assert (await world.client.get("/v1/models")).status_code == 200
        assert (await second.get("/v1/models")).status_code == 200
        refused(await second.get("/v1/models"))
        refused(await world.client.get("/v1/models"))


async def test_writes_have_a_count_of_their_own(world: Any) -> None:
    async with limited(world, writes="1/minute"):
        assert (await world.client.post("/v1/keys", json={"name": "k"})).status_code == 201
        refused(await world.client.post("/v1/keys", json={"name": "k"}))
        assert (await world.client.get("/v1/keys")).status_code == 200


async def test_signing_in_is_a_write_like_any_other(world: Any) -> None:
    async with limited(world, writes="1/day"):
        assert (await world.client.post("/v1/keys", json={"name": "k"})).status_code == 201
        second = await world.client.post("/sign-in", data={"key": world.key})
        assert (second.status_code, "set-cookie" in second.headers) == (429, False)
        assert "1 in a day" in second.text
        assert int(second.headers["retry-after"]) > 60


async def test_a_made_up_session_counts_as_a_wrong_key(world: Any) -> None:
    nobody = await world.as_key("")
    nobody.headers.pop("authorization")
    nobody.cookies.set(COOKIE, "made up")
    async with limited(world, failures="1/minute"):
        for status in (303, 429):
            answer = await nobody.post("/sign-out", data={"guard": guard_of("made up")})
            assert answer.status_code == status


async def test_wrong_keys_are_counted_by_address_and_then_not_looked_up(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = await world.as_key("lt_01jzzzzzzzzzzzzzzzzzzzzzzz_guess")
    await world.client.get("/v1/models")  # its key is known from now on
    async with limited(world, failures="2/minute"):
        assert [(await wrong.get("/v1/models")).status_code for _ in range(2)] == [401, 401]
        assert "wrong API key" in refused(await wrong.get("/v1/models"))
        with monkeypatch.context() as patched:
            patched.setattr(KnownKeys, "verified", None)  # to call it would be a 500
            refused(await wrong.get("/v1/models"))
            refused(await wrong.post("/v1/keys", json={"name": "k"}))
            assert (await wrong.post("/sign-in", data={"key": "lt_a_b"})).status_code == 429
        stale = await world.client.post("/v1/keys", json={"name": "k"})
        assert stale.status_code == 201  # who was right a moment ago is not shut out


async def test_a_request_without_a_key_is_no_guess(world: Any) -> None:
    nobody = await world.as_key("")
    async with limited(world, failures="1/minute"):
        for _ in range(3):
            nobody.headers.pop("authorization", None)
            assert (await nobody.get("/v1/models")).status_code == 401
