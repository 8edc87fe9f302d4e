"""Interleaved rounds: every read after a bare hello, again and again, on one machine."""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.api.server import Server

CONNECTIONS = 64


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
    """Ask each read in turn for `seconds`, `rounds` times, from a process on `core`.

    Raises RuntimeError when an answer has another status.
    """
    for _ in range(rounds):
        for read in reads:
            _once(read, seconds, core)


def median(values: list[float]) -> float:
    """The middle of the rounds."""
    return statistics.median(values)


def _once(read: Read, seconds: float, core: int) -> None:
    requests = b"".join(len(each).to_bytes(4) + each for each in read.requests())
    command = ["taskset", "-c", str(core), sys.executable, "-m", "benchmarks.api.load"]
    command += [str(read.server.port), str(CONNECTIONS), str(seconds), str(read.status)]
    root = Path(__file__).parents[2]
    before = read.server.cpu_s()
    done = subprocess.run(
        command,
        input=requests,
        stdout=subprocess.PIPE,
        check=True,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    seen = json.loads(done.stdout)
    if seen["wrong"]:
        raise RuntimeError(f"{read.name}: not {read.status} but {seen['wrong']}")
    read.answers += seen["all"]
    read.rates.append(seen["answers"] / seen["seconds"])
    read.cpu_us.append(1e6 * (read.server.cpu_s() - before) / seen["all"])
    read.p50_ms.append(seen["p50_ms"])
    read.p99_ms.append(seen["p99_ms"])
