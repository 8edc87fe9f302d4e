"""How long a body is waited for."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.exceptions import HTTPException

from app.http.pace import Pace

pytestmark = pytest.mark.anyio


async def body_of(
    pieces: list[tuple[float, bytes]], *, idle_s: float, slowest: int, then_s: float = 0
) -> bytes:
    """The body as the app reads it; each piece comes after so many seconds."""
    read = b""

    async def app(_scope: Any, receive: Any, _send: Any) -> None:
        nonlocal read
        more = True
        while more:
            message = await receive()
            read += message.get("body", b"")
            more = message.get("more_body", False)
        if then_s:
            assert (await receive())["type"] == "http.disconnect"

    async def coming() -> AsyncIterator[dict[str, Any]]:
        for number, (wait_s, piece) in enumerate(pieces, 1):
            await asyncio.sleep(wait_s)
            more = number < len(pieces)
            yield {"type": "http.request", "body": piece, "more_body": more}
        await asyncio.sleep(then_s)
        yield {"type": "http.disconnect"}

    messages = coming()
    await Pace(app, idle_s, slowest)({"type": "http"}, lambda: anext(messages), None)  # type: ignore[arg-type]
    return read


async def test_a_body_at_its_pace_is_read_whole() -> None:
    assert await body_of([(0.01, b"a" * 100)] * 5, idle_s=0.2, slowest=1000) == b"a" * 500


async def test_a_silence_ends_the_request() -> None:
    with pytest.raises(HTTPException) as caught:
        await body_of([(0, b"a" * 10_000), (0.1, b"b")], idle_s=0.03, slowest=10)
    assert caught.value.status_code == 408


async def test_a_trickle_ends_the_request_though_it_is_never_silent_for_long() -> None:
    trickle = [(0.02, b"a")] * 20
    with pytest.raises(HTTPException):
        await body_of(trickle, idle_s=0.1, slowest=1000)
    assert await body_of(trickle[:3], idle_s=0.1, slowest=1000) == b"aaa"


async def test_bytes_that_came_buy_time_by_the_slowest_pace() -> None:
    # 0.2 s of patience, 0.06 s for each piece of 60: waits of 0.02 s go on for ever
    assert len(await body_of([(0.02, b"a" * 60)] * 20, idle_s=0.2, slowest=1000)) == 1200
    with pytest.raises(HTTPException):
        await body_of([(0.02, b"a" * 5)] * 20, idle_s=0.2, slowest=1000)


async def test_after_the_body_the_clients_leaving_is_awaited_as_long_as_it_takes() -> None:
    assert await body_of([(0, b"a")], idle_s=0.02, slowest=1000, then_s=0.06) == b"a"
