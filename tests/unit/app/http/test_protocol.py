"""The bounds of one connection, on a transport that is a list."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from uvicorn.config import Config
from uvicorn.server import ServerState

from app.http.protocol import Protocol, bounded
from app.settings import Settings

pytestmark = pytest.mark.anyio

GET = b"GET /v1/models HTTP/1.1\r\n"
POST = b"POST /v1/models HTTP/1.1\r\n"


class Wire(asyncio.Transport):
    """What was written, and whether it was closed or cut."""

    def __init__(self) -> None:
        super().__init__()
        self.written, self.closed, self.cut, self.ready_bytes = b"", False, False, 0

    def write(self, data: Any) -> None:
        self.written += data

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.cut = True

    def is_closing(self) -> bool:
        return self.closed

    def get_write_buffer_size(self) -> int:
        return self.ready_bytes

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    @property
    def problem(self) -> tuple[int, str, str | None]:
        head, _, body = self.written.partition(b"\r\n\r\n")
        assert b"content-type: application/problem+json" in head
        assert b"connection: close" in head
        assert f"content-length: {len(body)}".encode() in head
        told = json.loads(body)
        assert head.startswith(f"HTTP/1.1 {told['status']} ".encode())
        assert self.closed
        return told["status"], told["code"], told["param"]


Connected = Callable[..., tuple[Protocol, Wire]]


@pytest.fixture
async def connected() -> Connected:
    async def app(_scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    def connect(**settings: Any) -> tuple[Protocol, Wire]:
        config = Config(app, log_config=None, lifespan="off")
        config.load()
        kind = bounded(Settings(**settings))
        protocol, wire = kind(config, ServerState(), {}), Wire()
        protocol.connection_made(wire)
        return protocol, wire

    return connect


async def test_an_honest_request_is_answered(connected: Connected) -> None:
    protocol, wire = connected(head_timeout_s=0.05)
    protocol.data_received(POST + b"Host: lathe\r\nContent-Length: 2\r\n\r\n{")
    await asyncio.sleep(0.1)  # the body is not the head
    protocol.data_received(b"}")
    await asyncio.sleep(0.01)
    assert wire.written.startswith(b"HTTP/1.1 204 ")
    protocol.connection_lost(None)


async def test_a_head_that_is_late_is_refused_by_name(connected: Connected) -> None:
    for begun in (b"G", GET, GET + b"Host: lathe\r\nX-Slow: "):
        protocol, wire = connected(head_timeout_s=0.02)
        protocol.data_received(begun)
        await asyncio.sleep(0.06)
        assert wire.problem == (408, "too_slow", None)
        protocol.connection_lost(None)


@pytest.mark.parametrize("method", [b"GET", b"HEAD"])
@pytest.mark.parametrize(
    ("header", "param"),
    [
        (b"Content-Length: 5", "content-length"),
        (b"Transfer-Encoding: chunked", "transfer-encoding"),
    ],
)
async def test_a_body_of_what_takes_none_is_refused_by_its_header(
    connected: Connected, method: bytes, header: bytes, param: str
) -> None:
    protocol, wire = connected()
    protocol.data_received(
        method + b" /v1/models HTTP/1.1\r\nHost: lathe\r\n" + header + b"\r\n\r\n"
    )
    assert wire.problem == (400, "malformed", param)
    protocol.connection_lost(None)


async def test_a_length_of_nothing_is_no_body(connected: Connected) -> None:
    protocol, wire = connected()
    protocol.data_received(GET + b"Host: lathe\r\nContent-Length: 0\r\n\r\n")
    await asyncio.sleep(0.01)
    assert wire.written.startswith(b"HTTP/1.1 204 ")
    protocol.connection_lost(None)


async def test_a_connection_on_which_nothing_is_asked_is_closed_without_a_word(
    connected: Connected,
) -> None:
    protocol, wire = connected(head_timeout_s=0.02)
    await asyncio.sleep(0.06)
    assert (wire.closed, wire.written) == (True, b"")
    protocol.connection_lost(None)


async def test_the_second_head_of_a_connection_is_awaited_as_the_first(
    connected: Connected,
) -> None:
    protocol, wire = connected(head_timeout_s=0.05)
    protocol.data_received(GET + b"Host: lathe\r\n\r\n")
    await asyncio.sleep(0.01)
    wire.written = b""
    await asyncio.sleep(0.07)  # nobody asks: that is uvicorn's, which waits longer
    assert not wire.closed
    protocol.data_received(b"GET /")
    await asyncio.sleep(0.08)
    assert wire.problem == (408, "too_slow", None)
    protocol.connection_lost(None)


async def test_an_endless_head_is_refused_when_it_is_over_the_limit(
    connected: Connected,
) -> None:
    protocol, wire = connected(max_head_bytes=1000)
    protocol.data_received(GET + b"X-Long: ")
    for _ in range(9):
        protocol.data_received(b"a" * 100)
    assert not wire.closed
    protocol.data_received(b"a" * 100)
    assert wire.problem == (431, "head_too_large", None)
    protocol.connection_lost(None)


async def test_a_body_is_no_head_and_its_trailers_are(connected: Connected) -> None:
    protocol, wire = connected(max_head_bytes=1000)
    chunked = b"POST / HTTP/1.1\r\nHost: lathe\r\nTransfer-Encoding: chunked\r\n\r\n"
    protocol.data_received(chunked)
    for _ in range(20):
        protocol.data_received(b"64\r\n" + b"b" * 100 + b"\r\n")
        await asyncio.sleep(0)
    assert not wire.closed
    protocol.data_received(b"0\r\nX-Trailer: ")
    for _ in range(11):
        protocol.data_received(b"a" * 100)
    assert wire.problem[1] == "head_too_large"
    protocol.connection_lost(None)


@pytest.mark.parametrize(
    ("head", "param"),
    [
        (
            b"Host: lathe\r\nAuthorization: Bearer a\r\nauthorization: Bearer b\r\n",
            "authorization",
        ),
        (b"Host: lathe\r\nHost: other\r\n", "host"),
        (b"X-Host: lathe\r\n", "host"),
        (b"Host: lathe\r\nContent-Length: 2\r\nContent-Length: 3\r\n", None),
        (b"Host: lathe\r\n folded\0: x\r\n", None),
    ],
)
async def test_a_head_that_two_readers_could_read_differently_is_malformed(
    connected: Connected, head: bytes, param: str | None
) -> None:
    protocol, wire = connected()
    protocol.data_received(GET + head + b"\r\n")
    assert wire.problem == (400, "malformed", param)
    protocol.connection_lost(None)


async def test_requests_sent_ahead_are_as_many_as_may_wait_and_not_one_more(
    connected: Connected,
) -> None:
    ahead = GET + b"Host: lathe\r\n\r\n"
    protocol, wire = connected()
    protocol.data_received(ahead * (1 + protocol.most_waiting))
    for _ in range(2 * protocol.most_waiting):
        await asyncio.sleep(0)
    await asyncio.sleep(0.05)
    assert wire.written.count(b"HTTP/1.1 204 ") == 1 + protocol.most_waiting
    assert not wire.closed
    protocol.connection_lost(None)
    protocol, wire = connected()
    protocol.data_received(ahead * (2 + protocol.most_waiting))
    assert wire.problem == (429, "rate_limited", None)
    protocol.connection_lost(None)


async def test_a_reader_who_takes_nothing_is_cut_off_and_the_log_says_why(
    connected: Connected, caplog: pytest.LogCaptureFixture
) -> None:
    protocol, wire = connected(reader_idle_s=0.02, slowest_bytes_per_s=1000)
    wire.ready_bytes = 50  # 0.05 s more
    protocol.pause_writing()
    await asyncio.sleep(0.04)
    assert not wire.cut
    protocol.resume_writing()
    protocol.pause_writing()
    await asyncio.sleep(0.12)
    assert wire.cut
    assert "cut off, too_slow: nothing of an answer was read" in caplog.text
    protocol.connection_lost(None)


async def test_a_reader_who_goes_on_reading_stays(connected: Connected) -> None:
    protocol, wire = connected(reader_idle_s=0.2)
    for _ in range(12):
        protocol.pause_writing()
        await asyncio.sleep(0.02)
        protocol.resume_writing()
    assert not wire.cut
    protocol.connection_lost(None)
