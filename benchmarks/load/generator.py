"""The clients, all in one process that costs little: it shares the cores with the service.

    python -m benchmarks.load.generator PORT KEY POLLS_A_SECOND

Commands come as lines of JSON on stdin, each is answered by one line of JSON on stdout:

    {"do": "jobs", "finished": [...], "moving": [...], "resting": [...]}
    {"do": "window", "name": "idle"}   polls count under this name from now on; answers with
                                       the window before; an empty name stops the polls
    {"do": "follow", "streams": 500}   so many followers, from now on; 0 cuts them all
    {"do": "herd", "after_s": 0}       cut all at once; each comes back so much later
    {"do": "tell"}                     how many are open, and what was seen so far
"""

import asyncio
import json
import random
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any

import uvloop

from app.short_slices import take_short_slices
from benchmarks.load.followers import Follower, Notes, random_job
from benchmarks.load.polls import Polls, Window
from benchmarks.load.ticks import Ticks

_MOVING = 0.75  # of the followers look at jobs that run or will, the others at resting ones
_CUT_EVERY_S = 1.0  # one follower's connection breaks
_VISIT_EVERY_S = 0.5  # somebody reads the feed of a finished job
_COUNT_EVERY_S = 0.25


class Generator:
    """All clients of a run."""

    def __init__(self, port: int, key: str, polls_a_second: float) -> None:
        self._rng = random.Random(11)  # noqa: S311 - a repeatable choice, no secret
        self._port, self._key = port, key
        self._every_s = 1 / polls_a_second
        self._polls = Polls(port, key, self._rng)
        self._notes = Notes()
        self._followers: list[Follower] = []
        self._visitors: list[Follower] = []
        self._moving: Sequence[str] = ()
        self._resting: Sequence[str] = ()
        self._least_open: int | None = None

    def start(self) -> None:
        """Connect, and begin to tick."""
        self._polls.start()
        self._ticks = [
            Ticks(self._every_s, self._polls.ask),
            Ticks(_CUT_EVERY_S, lambda _: self._break_one()),
            Ticks(_VISIT_EVERY_S, lambda _: self._visit()),
            Ticks(_COUNT_EVERY_S, lambda _: self._count()),
        ]

    def obey(self, command: dict[str, Any]) -> dict[str, Any]:
        """One command; its answer."""
        match command["do"]:
            case "jobs":
                self._know(
                    **{name: command[name] for name in ("finished", "moving", "resting")}
                )
            case "window":
                before, self._polls.window = self._polls.window, Window(command["name"])
                self._least_open = None
                return before.told()
            case "follow":
                self._follow(command["streams"])
            case "herd":
                for follower in self._followers:
                    follower.cut(command["after_s"])
            case "tell":
                return self._told()
            case unknown:
                raise ValueError(f"no command {unknown!r}")
        return {}

    def _know(
        self, finished: Sequence[str], moving: Sequence[str], resting: Sequence[str]
    ) -> None:
        self._polls.finished = finished
        self._polls.unfinished = [*moving, *resting]
        self._moving, self._resting = moving, resting

    def _follow(self, streams: int) -> None:
        while len(self._followers) > streams:
            self._followers.pop().cut(None)
        while len(self._followers) < streams:
            follower = self._follower()
            follower.choose = self._choose
            self._followers.append(follower)
            follower.begin()

    def _follower(self) -> Follower:
        return Follower(self._request, self._port, self._notes, self._rng)

    def _choose(self) -> str | None:
        moving, resting = (_MOVING, self._moving), (1 - _MOVING, self._resting)
        return random_job(moving, resting, rng=self._rng)

    def _request(self, job: str, last: int) -> bytes:
        behind = f"Last-Event-ID: {last}\r\n" if last else ""
        return (
            f"GET /v1/jobs/{job}/events HTTP/1.1\r\nHost: load\r\nAccept: text/event-stream\r\n"
            f"Authorization: Bearer {self._key}\r\n{behind}\r\n"
        ).encode()

    def _break_one(self) -> None:
        there = [each for each in self._followers if each.open]
        if there:
            self._rng.choice(there).cut(self._rng.uniform(0, 1))
            self._notes.counts["cut by the client"] += 1

    def _visit(self) -> None:
        if not self._followers or not self._polls.finished:
            return
        visitor = self._follower()
        visitor.once = True
        visitor.choose = lambda: self._rng.choice(self._polls.finished)
        self._visitors = [*(each for each in self._visitors if each.job), visitor]
        self._notes.counts["visits of finished jobs"] += 1
        visitor.begin()

    def _open(self) -> int:
        return sum(each.open for each in self._followers)

    def _count(self) -> None:
        now = self._open()
        self._least_open = now if self._least_open is None else min(now, self._least_open)

    def _told(self) -> dict[str, Any]:
        everybody = [*self._followers, *self._visitors]
        return {
            "at_s": time.monotonic(),
            "open": self._open(),
            "least_open": self._least_open,
            "cpu_s": time.process_time(),
            "counts": dict(self._notes.counts),
            "faults": self._notes.faults,
            "ended": self._notes.ended,
            "following": [[each.job, each.last, each.open] for each in everybody if each.job],
            "opening_ms": [round(each, 3) for each in self._notes.opening_ms],
        }


async def _run() -> None:
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    generator = Generator(int(sys.argv[1]), sys.argv[2], float(sys.argv[3]))
    generator.start()

    def obey(line: str) -> None:
        print(json.dumps(generator.obey(json.loads(line))), flush=True)

    def listen() -> None:
        for line in sys.stdin:
            loop.call_soon_threadsafe(obey, line)
        loop.call_soon_threadsafe(over.set)

    threading.Thread(target=listen, daemon=True).start()
    await over.wait()


if __name__ == "__main__":
    take_short_slices()  # a client has a host of its own and need not wait for the jobs
    uvloop.run(_run())
