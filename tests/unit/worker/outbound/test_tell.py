"""One try of a delivery: every way that it can go is an answer, in bounded time and memory."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import httpx
import pytest

from app.store.outbound import Allowed
from app.store.outbox import Answered, Parcel
from worker.outbound.guard import Guard
from worker.outbound.tell import tell

pytestmark = pytest.mark.anyio
PUBLIC = "https://hooks.example/in"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Endless(httpx.AsyncByteStream):
    """A body without an end, `size` bytes at a time, every `pause_s`."""

    def __init__(self, size: int, pause_s: float) -> None:
        self.given, self._size, self._pause_s = 0, size, pause_s

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            await asyncio.sleep(self._pause_s)
            self.given += self._size
            yield b"z" * self._size


class Thanks(httpx.AsyncByteStream):
    """A short body."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"thanks\0"


class Plays(httpx.AsyncBaseTransport):
    """Answers with a status and a body, or raises."""

    def __init__(
        self,
        status: int,
        stream: httpx.AsyncByteStream | Exception | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        self._status, self._stream, self._headers = status, stream, headers or {}

    async def handle_async_request(self, _request: httpx.Request) -> httpx.Response:
        if isinstance(self._stream, Exception):
            raise self._stream
        stream = self._stream or Thanks()
        return httpx.Response(self._status, headers=self._headers, stream=stream)


async def told(plays: Plays, url: str = PUBLIC, allow: str = "") -> Answered:
    async def names(_host: str, _port: int) -> list[str]:
        return ["8.8.8.8"]

    allowed = Allowed.parse(allow)
    parcel = Parcel(
        "msg_1", 1, datetime.now(UTC), "whk_1", "prj_1", url, ("whsec_AAAA",), "{}", "ping"
    )
    async with Guard(allowed, silence_s=5, resolver=names, transport=plays) as guard:
        return await tell(parcel, guard, allowed, 0.3)


async def test_what_arrives_is_told_from_what_does_not_by_the_status() -> None:
    assert await told(Plays(299)) == Answered(299, None, "thanks")
    assert (await told(Plays(300))).error is not None
    assert (await told(Plays(500))).error == "it answered 500"
    assert not (await told(Plays(404))).gone
    assert (await told(Plays(410))).gone


async def test_an_answer_without_an_end_is_cut() -> None:
    endless = Endless(700, 0)
    answered = await told(Plays(200, endless))
    assert answered.answer == "z" * 500
    assert endless.given == 2100


async def test_an_answer_that_drips_is_not_waited_for() -> None:
    answered = await told(Plays(200, Endless(1, 0.05)))
    assert answered == Answered(None, "it did not answer within 0.3 s")


async def test_what_an_internal_place_answers_is_not_kept() -> None:
    answered = await told(Plays(200), "http://hooks.internal/", "hooks.internal")
    assert answered == Answered(200, None, None)


async def test_a_cut_connection_and_a_refused_address_are_answers_too() -> None:
    cut = await told(Plays(200, httpx.ReadError("x")))
    assert cut.error == "hooks.example does not answer: the connection was cut"
    refused = await told(Plays(200), "https://10.0.0.1/")
    assert "not on the public internet" in str(refused.error)


@pytest.mark.parametrize(
    ("said", "wait_s"),
    [("90", 90), ("999999999", 86_400), ("-5", 0), ("Wed, 21 Oct 2026 07:28:00 GMT", 0)],
)
async def test_a_receiver_may_ask_for_time_up_to_a_day(said: str, wait_s: float) -> None:
    answered = await told(Plays(503, headers={"retry-after": said}))
    assert answered.asked_wait_s == wait_s
