"""A response that tells until there is no more, or nobody listens."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.follow.event_response import EventResponse

pytestmark = pytest.mark.anyio


class Wire:
    """A client: what it was sent, and when it goes."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.gone = asyncio.Event()
        self.closed = False

    async def send(self, message: Any) -> None:
        self.sent.append(message)

    async def receive(self) -> Any:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def told(self, *texts: bytes, then: float = 0.0) -> AsyncIterator[bytes]:
        try:
            for text in texts:
                yield text
            await asyncio.sleep(then)
        finally:
            self.closed = True

    def answered(self, telling: AsyncIterator[bytes]) -> "asyncio.Task[None]":
        response = EventResponse(telling, {"Cache-Control": "no-cache"})
        return asyncio.create_task(response({"type": "http"}, self.receive, self.send))


async def test_all_is_sent_and_the_end_is_said() -> None:
    wire = Wire()
    await wire.answered(wire.told(b"a", b"b"))
    head, *bodies = wire.sent
    assert (head["status"], dict(head["headers"])[b"cache-control"]) == (200, b"no-cache")
    assert b"content-length" not in dict(head["headers"])
    assert [(each["body"], each["more_body"]) for each in bodies] == [
        (b"a", True),
        (b"b", True),
        (b"", False),
    ]
    await asyncio.sleep(0)
    assert not any("_left" in repr(task.get_coro()) for task in asyncio.all_tasks())


async def test_what_ends_the_waiting_for_the_client_is_raised_and_not_left_behind() -> None:
    class Cut(Wire):
        async def receive(self) -> Any:
            await self.gone.wait()
            raise ConnectionError

    wire = Cut()
    answer = wire.answered(wire.told(b"a", then=60))
    await asyncio.sleep(0.01)
    wire.gone.set()
    with pytest.raises(ConnectionError):
        await answer
    assert wire.closed


async def test_when_the_client_goes_telling_stops_at_once() -> None:
    wire = Wire()
    answer = wire.answered(wire.told(b"a", then=60))
    await asyncio.sleep(0.01)
    assert not answer.done()
    wire.gone.set()
    await asyncio.wait_for(answer, 1)
    assert wire.closed
    assert wire.sent[-1]["body"] == b"a"  # and no end, which it could not hear


async def test_what_telling_raises_is_raised() -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"a"
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await Wire().answered(broken())


async def test_a_request_that_is_ended_from_outside_ends_its_telling() -> None:
    wire = Wire()
    answer = wire.answered(wire.told(b"a", then=60))
    await asyncio.sleep(0.01)
    answer.cancel()
    with pytest.raises(asyncio.CancelledError):
        await answer
    await asyncio.sleep(0.01)
    assert wire.closed
