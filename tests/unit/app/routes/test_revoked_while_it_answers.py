"""What answers for long ends when the key that asked does."""

import asyncio
from typing import Any

import pytest

from app.follow import events, watch
from app.page import live
from app.page_session import COOKIE
from app.store import feed

pytestmark = pytest.mark.anyio
SOON_S = 5.0


class Follower:
    """A client that takes a stream piece by piece."""

    def __init__(self, world: Any, path: str, **headers: str) -> None:
        self.status, self.heard = 0, b""
        self._gone, self._news = asyncio.Event(), asyncio.Event()
        where, _, query = path.partition("?")
        named = {"host": "lathe.test", "accept": "text/event-stream", **headers}
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": where,
            "raw_path": where.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(name.encode(), value.encode()) for name, value in named.items()],
            "client": ("127.0.0.1", 1),
            "server": ("lathe.test", 80),
        }
        self.answer = asyncio.create_task(world.app(scope, self._receive, self._send))

    async def _receive(self) -> Any:
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        self.status = message.get("status", self.status)
        self.heard += message.get("body", b"")
        self._news.set()

    async def until(self, text: bytes) -> None:
        """Raises TimeoutError where it is not told soon."""
        async with asyncio.timeout(SOON_S):
            while text not in self.heard:
                await self._news.wait()
                self._news.clear()

    async def ends(self) -> None:
        """Raises TimeoutError where it goes on."""
        try:
            await asyncio.wait_for(asyncio.shield(self.answer), SOON_S)
        finally:
            self._gone.set()
            await self.answer


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "POLL_S", 0.01)
    monkeypatch.setattr(events, "HEARTBEAT_S", 0.1)
    monkeypatch.setattr(live, "AGAIN_S", 0.1)


async def a_key(world: Any) -> tuple[str, str]:
    made = await world.client.post("/v1/keys", json={"name": "s", "scopes": ["read"]})
    return made.json()["id"], made.json()["key"]


async def say(world: Any, job_id: str, text: str) -> None:
    async with world.parts.writing() as session:
        await feed.append_async(session, job_id, "said", {"text": text})


async def signed_in(world: Any, key: str) -> str:
    answer = await world.client.post("/sign-in", data={"key": key, "next": "/"})
    return f"{COOKIE}={answer.cookies[COOKIE]}"


@pytest.mark.parametrize("query", ["", "?limit=9"], ids=["hot", "ordinary"])
async def test_a_stream_tells_a_revoked_key_nothing_more_and_ends(
    world: Any, query: str
) -> None:
    job_id = await world.job()
    key_id, key = await a_key(world)
    bearer = {"authorization": f"Bearer {key}"}
    await (await world.as_key(key)).get("/v1/techniques")
    follower = Follower(world, f"/v1/jobs/{job_id}/events{query}", **bearer)
    await follower.until(b"id: 1")
    await say(world, job_id, "before")
    await follower.until(b"before")
    assert (await world.client.delete(f"/v1/keys/{key_id}")).status_code == 204
    await say(world, job_id, "afterwards")
    await follower.ends()
    assert (follower.status, b"afterwards" in follower.heard) == (200, False)


async def test_a_silent_stream_ends_with_its_key_too(world: Any) -> None:
    job_id = await world.job()
    key_id, key = await a_key(world)
    path = f"/v1/jobs/{job_id}/events"
    follower = Follower(world, path, authorization=f"Bearer {key}")
    await follower.until(b": ping")
    await world.client.delete(f"/v1/keys/{key_id}")
    await follower.ends()


@pytest.mark.parametrize("path", ["/v1/jobs/{}/events", "/jobs/{}/live"])
async def test_a_browsers_stream_ends_with_the_key_it_signed_in_with(
    world: Any, path: str
) -> None:
    job_id = await world.job()
    key_id, key = await a_key(world)
    cookie = await signed_in(world, key)
    follower = Follower(world, path.format(job_id), cookie=cookie)
    await follower.until(b"data: ")
    await world.client.delete(f"/v1/keys/{key_id}")
    told = len(follower.heard)
    await say(world, job_id, "afterwards")
    await follower.ends()
    assert b"data: " not in follower.heard[told:]


async def test_who_waits_for_a_job_with_a_revoked_key_is_told_nothing_of_it(
    world: Any,
) -> None:
    job_id = await world.job()
    key_id, key = await a_key(world)
    reader = await world.as_key(key)

    async def revoked_meanwhile() -> None:
        await asyncio.sleep(0.05)
        await world.client.delete(f"/v1/keys/{key_id}")
        await world.ends(job_id)

    waited, _ = await asyncio.gather(
        reader.get(f"/v1/jobs/{job_id}", params={"wait": 30}), revoked_meanwhile()
    )
    assert (waited.status_code, waited.json()["code"]) == (401, "unauthenticated")
