"""Interleaved rounds: every read after a bare hello, again and again, on one machine."""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.api.server import Server

CONNECTIONS = 64
WARM_UP_S = 1.0


@dataclass(slots=True)
class Read:
    """One kind of request, and what was seen of it round by round."""

    name: str
    server: Server
    requests: Callable[[], list[bytes]]
    status: int = 200
    rates: list[float] = field(default_factory=list)  # answers a second
    cpu_us: list[float] = field(default_factory=list)  # of the server, for one answer
    p50_ms: list[float] = field(default_factory=list)
    p99_ms: list[float] = field(default_factory=list)
    answers: int = 0

    def of(self, hello: "Read") -> list[float]:
        """This rate by hello's, round by round."""
        return [mine / bare for mine, bare in zip(self.rates, hello.rates, strict=True)]


def run(reads: list[Read], *, rounds: int, seconds: float, core: int) -> None:
    """Ask each read in turn for `seconds`, `rounds` times, from a process on `core`; a round
    before them, which does not count, makes what is made at first use.

    Raises RuntimeError when an answer has another status.
    """
    for read in reads:
        _asked(read, WARM_UP_S, core)
    for _ in range(rounds):
        for read in reads:
            _note(read, seconds, core)


def median(values: list[float]) -> float:
    """The middle of the rounds."""
    return statistics.median(values)


def _note(read: Read, seconds: float, core: int) -> None:
    before_s = read.server.cpu_s()
    seen = _asked(read, seconds, core)
    read.rates.append(seen["answers"] / seen["seconds"])
    read.cpu_us.append(1e6 * (read.server.cpu_s() - before_s) / seen["all"])
    read.p50_ms.append(seen["p50_ms"])
    read.p99_ms.append(seen["p99_ms"])


def _asked(read: Read, seconds: float, core: int) -> dict[str, Any]:
    requests = b"".join(len(each).to_bytes(4) + each for each in read.requests())
    command = ["taskset", "-c", str(core), sys.executable, "-m", "benchmarks.api.load"]
    command += [str(read.server.port), str(CONNECTIONS), str(seconds), str(read.status)]
    root = Path(__file__).parents[2]
    done = subprocess.run(
        command,
        input=requests,
        stdout=subprocess.PIPE,
        check=True,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    seen: dict[str, Any] = json.loads(done.stdout)
    if seen["wrong"]:
        raise RuntimeError(f"{read.name}: not {read.status} but {seen['wrong']}")
    read.answers += seen["all"]
    return seen
