"""Clients that follow jobs by server-sent events, as a browser's EventSource does.

Each checks that the numbers of its events come without a gap and without a repetition, across
reconnections too. A follower whose job has ended comes back once with Last-Event-ID, is told
204, and goes on to another job after a moment.
"""

import asyncio
import random
import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import httptools

_ID = re.compile(rb"^id: (\d+)", re.MULTILINE)
_RETRY = re.compile(rb"^retry: (\d+)", re.MULTILINE)
_THINKS_S = 2.0  # at most, before it goes on to another job
_AGAIN_S = 1.0  # after a lost connection, unless the stream said otherwise
_OPEN, _OVER = 200, 204


class Notes:
    """What the followers of one run saw together."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.faults: list[str] = []
        self.ended: dict[str, Counter[int]] = {}  # job: number of its last event: followers
        self.opening_ms: list[float] = []

    def fault(self, said: str) -> None:
        """A lost or repeated event, a dropped stream, a refusal."""
        self.counts["faults"] += 1
        if len(self.faults) < 50:
            self.faults.append(said)

    def end(self, job: str, last: int) -> None:
        """A follower was told that this is all."""
        self.ended.setdefault(job, Counter())[last] += 1


class Follower:
    """Follows one job after another, as `choose` names them."""

    def __init__(
        self, request: Callable[[str, int], bytes], port: int, notes: Notes, rng: random.Random
    ) -> None:
        self._request, self._port, self._notes, self._rng = request, port, notes, rng
        self.choose: Callable[[], str | None] = lambda: None
        self.job, self.last = "", 0
        self.open = False
        self.lives = True
        self.once = False
        self._stream: _Stream | None = None
        self._cuts = 0
        self._retry_s = _AGAIN_S
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Go on to a job that is there; wait a moment where there is none."""
        chosen = self.choose()
        if chosen is None:
            self._later(_THINKS_S / 2, self.begin)
            return
        self.job, self.last = chosen, 0
        self.connect()

    def connect(self) -> None:
        """Open a stream behind the last event that was seen."""
        asyncio.get_running_loop().create_task(self._connect())

    def cut(self, again_after_s: float | None) -> None:
        """Drop the connection; come back with Last-Event-ID, or never."""
        stream, self._stream, self.open = self._stream, None, False
        self._cuts += 1
        if self._timer is not None:
            self._timer.cancel()
        self.lives = again_after_s is not None
        if stream is not None:
            stream.abandon()
        if again_after_s is not None:
            self._later(again_after_s, self.connect if self.job else self.begin)

    def opened(self, status: int, took_s: float) -> None:
        """The head of an answer is there."""
        if status == _OPEN:
            self.open = True
            self._notes.counts["streams"] += 1
            self._notes.opening_ms.append(1000 * took_s)
        elif status != _OVER:
            self._notes.counts[f"status {status}"] += 1
            self._notes.fault(f"{self.job} behind {self.last}: {status}")

    def told(self, message: bytes) -> None:
        """One message of the stream, without its empty line."""
        if retry := _RETRY.search(message):
            self._retry_s = int(retry[1]) / 1000
        if message.startswith(b":"):
            self._notes.counts["heartbeats"] += 1
            return
        found = _ID.search(message)
        if found is None:
            return
        seq = int(found[1])
        if seq != self.last + 1:
            kind = "repeated" if seq <= self.last else "lost"
            self._notes.counts[kind] += 1
            self._notes.fault(f"{self.job}: {kind}, {seq} came behind {self.last}")
        self.last = seq
        self._notes.counts["events"] += 1

    def complete(self, status: int) -> None:
        """The answer is whole: the stream's end, a 204, or a refusal."""
        self.open, self._stream = False, None
        if not self.lives:
            return
        if status == _OVER:
            self._notes.end(self.job, self.last)
            self.job = ""
            if not self.once:
                self._later(self._rng.uniform(0, _THINKS_S), self.begin)
        else:
            self._later(0 if status == _OPEN else self._retry_s, self.connect)

    def lost(self) -> None:
        """The connection ended within an answer."""
        self.open, self._stream = False, None
        if self.lives:
            self._notes.counts["dropped"] += 1
            self._notes.fault(f"{self.job}: dropped behind {self.last}")
            self._later(self._retry_s, self.connect)

    async def _connect(self) -> None:
        cuts = self._cuts
        stream = _Stream(self, self._request(self.job, self.last))
        loop = asyncio.get_running_loop()
        try:
            await loop.create_connection(lambda: stream, "127.0.0.1", self._port)
        except OSError:
            self._notes.counts["connections refused"] += 1
            if cuts == self._cuts:
                self._later(self._retry_s, self.connect)
            return
        if cuts == self._cuts:
            self._stream = stream
        else:
            stream.abandon()

    def _later(self, seconds: float, call: Callable[[], None]) -> None:
        self._timer = asyncio.get_running_loop().call_later(seconds, call)


class _Stream(asyncio.Protocol):
    """One connection with one answer."""

    def __init__(self, follower: Follower, request: bytes) -> None:
        self._follower: Follower | None = follower
        self._request = request
        self._parser = httptools.HttpResponseParser(self)
        self._rest = b""
        self._transport: Any = None
        self._asked_s = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._asked_s = time.monotonic()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_headers_complete(self) -> None:
        if self._follower is not None:
            took_s = time.monotonic() - self._asked_s
            self._follower.opened(self._parser.get_status_code(), took_s)

    def on_body(self, body: bytes) -> None:
        if self._follower is None or self._parser.get_status_code() != _OPEN:
            return
        *messages, self._rest = (self._rest + body).split(b"\n\n")
        for message in messages:
            self._follower.told(message)

    def on_message_complete(self) -> None:
        follower, self._follower = self._follower, None
        if follower is not None:
            follower.complete(self._parser.get_status_code())
        self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's name
        follower, self._follower = self._follower, None
        if follower is not None:
            follower.lost()

    def abandon(self) -> None:
        """Cut without a word."""
        self._follower = None
        if self._transport is not None:
            self._transport.abort()


def random_job(*groups: tuple[float, Sequence[str]], rng: random.Random) -> str | None:
    """One of a group, which is taken by its weight; None where all are empty."""
    there = [(weight, group) for weight, group in groups if group]
    if not there:
        return None
    (_, group), *_ = rng.choices(there, [weight for weight, _ in there])
    return rng.choice(group)
