"""Crowds that follow jobs: they do not read, they leave at once, they come back at once."""

import asyncio
import json
import socket
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass

import pytest
from sqlalchemy import insert, update

from app.store import feed
from app.store.db import Sessions, sessions, sync_engine
from app.store.migrate import upgrade
from app.store.rows import Event, Job
from benchmarks.api.fill import fill
from tests.services.app.mortal import Mortal, mortal

CROWD = 500
DEAF = 60
LONG_FEED = 20_000  # events of 1 kB
MIB = 1 << 20


@dataclass(frozen=True)
class Stand:
    """An API that can be killed, with two running jobs: one has a long feed, one a short."""

    api: Mortal
    sessions: Sessions
    key: str
    long: str
    short: str

    def say(self, text: str) -> None:
        """One more event of the short feed."""
        with self.sessions.begin() as session:
            feed.append(session, self.short, "said", {"text": text})

    def request(self, job: str, behind: int) -> bytes:
        """A stream of its events."""
        return (
            f"GET /v1/jobs/{job}/events HTTP/1.1\r\nHost: crowd\r\n"
            f"Accept: text/event-stream\r\nAuthorization: Bearer {self.key}\r\n"
            f"Last-Event-ID: {behind}\r\n\r\n"
        ).encode()

    @property
    def address(self) -> tuple[str, int]:
        """Where the API listens."""
        return "127.0.0.1", int(self.api.url.rpartition(":")[2])


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    tmp_path = tmp_path_factory.mktemp("crowds")
    url = f"sqlite:///{tmp_path / 'lathe.db'}"
    upgrade(url)
    filled = fill(url, 1000)
    engine = sync_engine(url)
    made = sessions(engine)
    long, short, *_ = filled.running
    with made.begin() as session:
        told = [
            {"job_id": long, "seq": seq, "type": "said", "data": {"text": "x" * 1000}}
            for seq in range(5, LONG_FEED + 1)
        ]
        session.execute(insert(Event.__table__), told)  # type: ignore[arg-type]
        session.execute(update(Job).where(Job.id == long).values(last_seq=LONG_FEED))
    environment = {
        "LATHE_DATABASE_URL": url,
        "LATHE_OBJECTS_URL": f"file://{tmp_path / 'objects'}",
        "LATHE_BROKER_URL": f"redis+socket://{tmp_path / 'none'}",
        "LATHE_READER_IDLE_S": "2",
        "LATHE_UPLOAD_IDLE_S": "1",
        "LATHE_SLOWEST_BYTES_PER_S": f"{MIB}",
    }
    with mortal(environment, tmp_path / "api.log") as api:
        yield Stand(api, made, filled.key, long, short)
    engine.dispose()


def test_a_crowd_that_does_not_read_fills_no_memory_and_is_cut_off(stand: Stand) -> None:
    """What they asked for is 1.2 GB."""
    poll(stand)
    files, memory = stand.api.files(), stand.api.anonymous_bytes()
    most_files = most_memory = 0
    deadline = time.monotonic() + 30
    with ExitStack() as deaf:
        for _ in range(DEAF):
            line = deaf.enter_context(socket.socket())
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            line.connect(stand.address)
            line.sendall(stand.request(stand.long, 0))
        while most_files < files + DEAF or stand.api.files() > files + 3:
            assert time.monotonic() < deadline, (files, most_files, stand.api.files())
            assert poll(stand) < 2
            most_files = max(most_files, stand.api.files())
            most_memory = max(most_memory, stand.api.anonymous_bytes())
            time.sleep(0.02)
    assert (most_memory - memory) / MIB < 30


def test_a_crowd_that_leaves_at_once_leaves_nothing_behind(stand: Stand) -> None:
    async def come_and_go() -> None:
        crowd = await gather(lambda: follow(stand, 4))
        assert stand.api.files() >= before + CROWD
        for reader, writer in crowd:
            assert not reader.at_eof()
            writer.transport.abort()

    poll(stand)
    before = stand.api.files()
    asyncio.run(come_and_go())
    deadline = time.monotonic() + 10
    while stand.api.files() > before + 3:
        assert time.monotonic() < deadline, stand.api.files()
        time.sleep(0.05)
    assert poll(stand) < 2
    assert '"level":"error"' not in stand.api.said()


@pytest.mark.parametrize("body", ["Content-Length: 5", "Transfer-Encoding: chunked"])
def test_who_follows_with_a_body_that_never_comes_is_told_so_at_once_and_makes_no_noise(
    stand: Stand, body: str
) -> None:
    asked = stand.request(stand.short, 0)[:-2] + f"{body}\r\n\r\n".encode()
    before = len(stand.api.said())
    with socket.create_connection(stand.address, timeout=10) as line:
        line.sendall(asked)
        began, heard = time.monotonic(), b""
        while said := line.recv(1 << 16):
            heard += said
        lasted_s = time.monotonic() - began
    time.sleep(0.2)
    log = stand.api.said()[before:]
    assert "Traceback" not in log
    assert '"level":"error"' not in log
    assert heard.startswith(b"HTTP/1.1 400 "), heard
    problem = json.loads(heard.partition(b"\r\n\r\n")[2])
    assert problem["code"] == "malformed"
    assert "GET takes no body; leave the header" in problem["detail"]
    assert lasted_s < 1


def test_a_crowd_that_comes_back_at_once_after_a_kill_misses_and_repeats_nothing(
    stand: Stand,
) -> None:
    async def twice() -> None:
        crowd = await gather(lambda: follow(stand, 4))
        stand.say("first")
        assert await gather_events(crowd) == {("5", "first")}
        stand.api.kill()
        for reader, writer in crowd:
            with suppress(ConnectionError):
                await reader.read()  # until it is cut
            writer.transport.abort()
        stand.say("meanwhile")
        stand.api.start()
        began_s = time.monotonic()
        crowd = await gather(lambda: follow(stand, 5))
        assert time.monotonic() - began_s < 10
        assert await gather_events(crowd) == {("6", "meanwhile")}
        stand.say("last")
        assert await gather_events(crowd) == {("7", "last")}
        for _, writer in crowd:
            writer.transport.abort()

    asyncio.run(twice())
    assert '"level":"error"' not in stand.api.said()


Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def gather(open_one: Callable[[], Awaitable[Stream]]) -> list[Stream]:
    """A whole crowd at once."""
    return await asyncio.gather(*(open_one() for _ in range(CROWD)))


async def follow(stand: Stand, behind: int) -> Stream:
    """A stream of the short feed, read up to its first message."""
    reader, writer = await asyncio.open_connection(*stand.address)
    writer.write(stand.request(stand.short, behind))
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 "), head
    assert (await message(reader)).startswith(b"retry: ")
    return reader, writer


async def gather_events(crowd: list[Stream]) -> set[tuple[str, str]]:
    """Number and text of the next event of each."""
    told = await asyncio.gather(*(asyncio.wait_for(event(each), 10) for each, _ in crowd))
    return set(told)


async def event(reader: asyncio.StreamReader) -> tuple[str, str]:
    """The next one; what only shows that the stream lives is passed over."""
    while not (said := await message(reader)).startswith(b"event: "):
        assert said.startswith(b":"), said
    fields = dict(line.split(": ", 1) for line in said.decode().strip().split("\n"))
    return fields["id"], json.loads(fields["data"])["data"]["text"]


async def message(reader: asyncio.StreamReader) -> bytes:
    """One chunk: the service sends what it has to say of one moment as one."""
    size = int(await reader.readuntil(b"\r\n"), 16)
    return (await reader.readexactly(size + 2))[:-2]


def poll(stand: Stand) -> float:
    """How many seconds a poll takes that is answered as it should be."""
    began_s = time.monotonic()
    with socket.create_connection(stand.address, 10) as line:
        asked = f"GET /v1/jobs/{stand.short} HTTP/1.1\r\nHost: crowd\r\nConnection: close\r\n"
        line.sendall(f"{asked}Authorization: Bearer {stand.key}\r\n\r\n".encode())
        answer = b"".join(iter(lambda: line.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 200 "), answer[:300]
    return time.monotonic() - began_s
