"""Polls of jobs at planned times, whatever became of the ones before (an open loop).

A poll's latency counts from the time it was planned for, so an API that stands still for a
second is charged with every poll that should have been answered meanwhile.
"""

import asyncio
import random
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import httptools

CONNECTIONS = 64
_HELD = 0.5  # of the polls say which version the client has
_FINISHED = 0.5  # of the polls are about a finished job
_AGAIN_S = 0.2
_OK, _NOT_MODIFIED = 200, 304


@dataclass(slots=True)
class Window:
    """What was seen between two marks: latencies and the generator's own lateness in ms."""

    name: str
    latencies_ms: list[float] = field(default_factory=list)
    late_ms: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)

    def told(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "name": self.name,
            "latencies_ms": [round(each, 3) for each in self.latencies_ms],
            "late_ms": [round(each, 3) for each in self.late_ms],
            "statuses": dict(self.statuses),
        }


@dataclass(frozen=True, slots=True)
class _Question:
    job: str
    planned_s: float
    window: Window
    request: bytes


class Polls:
    """Asks for one of the jobs whenever it is told to."""

    def __init__(self, port: int, key: str, rng: random.Random) -> None:
        self.port, self._key, self._rng = port, key, rng
        self.window = Window("")
        self.finished: Sequence[str] = ()
        self.unfinished: Sequence[str] = ()
        self._etags: dict[str, bytes] = {}
        self._idle: deque[_Asker] = deque()
        self._waiting: deque[_Question] = deque()

    def start(self) -> None:
        """Open the connections."""
        for _ in range(CONNECTIONS):
            self.connect()

    def connect(self, after_s: float = 0.0) -> None:
        """One more connection, now or a little later."""
        loop = asyncio.get_running_loop()
        loop.call_later(after_s, lambda: loop.create_task(self._connected()))

    def ask(self, planned_s: float) -> None:
        """Poll a random job on the connection that was idle for longest, or queue for one."""
        if not self.window.name:
            return
        known = self.finished if self._rng.random() < _FINISHED else self.unfinished
        job = self._rng.choice(known or self.finished or self.unfinished)
        question = _Question(job, planned_s, self.window, self._request(job))
        if self._idle:
            self._idle.popleft().ask(question)
        else:
            self._waiting.append(question)

    def answered(self, question: _Question, status: int, etag: bytes) -> None:
        """Note an answer that is whole."""
        if etag:
            self._etags[question.job] = etag
        question.window.statuses[str(status)] += 1
        latency_s = time.monotonic() - question.planned_s
        question.window.latencies_ms.append(1000 * latency_s)

    def broken(self, question: _Question) -> None:
        """Note a poll whose connection was lost."""
        question.window.statuses["lost"] += 1

    def rest(self, asker: "_Asker") -> None:
        """This connection has nothing to do."""
        if self._waiting:
            asker.ask(self._waiting.popleft())
        else:
            self._idle.append(asker)

    def gone(self, asker: "_Asker") -> None:
        """This connection was closed: open another one."""
        if asker in self._idle:
            self._idle.remove(asker)
        self.connect(_AGAIN_S)

    def _request(self, job: str) -> bytes:
        etag = self._etags.get(job)
        held = b"If-None-Match: %s\r\n" % etag if etag and self._rng.random() < _HELD else b""
        key = f"Authorization: Bearer {self._key}"
        head = f"GET /v1/jobs/{job} HTTP/1.1\r\nHost: load\r\n{key}\r\n"
        return head.encode() + held + b"\r\n"

    async def _connected(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.create_connection(lambda: _Asker(self), "127.0.0.1", self.port)
        except OSError:
            self.connect(_AGAIN_S)


class _Asker(asyncio.Protocol):
    """One keep-alive connection, one question at a time."""

    def __init__(self, polls: Polls) -> None:
        self._polls = polls
        self._parser = httptools.HttpResponseParser(self)
        self._question: _Question | None = None
        self._etag = b""
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._polls.rest(self)

    def ask(self, question: _Question) -> None:
        self._question, self._etag = question, b""
        question.window.late_ms.append(1000 * (time.monotonic() - question.planned_s))
        self._transport.write(question.request)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"etag":
            self._etag = value

    def on_message_complete(self) -> None:
        question, self._question = self._question, None
        if question is None:  # nobody asked: the service closes what has been idle
            return
        self._polls.answered(question, self._parser.get_status_code(), self._etag)
        self._polls.rest(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's name
        if self._question is not None:
            self._polls.broken(self._question)
        self._polls.gone(self)
