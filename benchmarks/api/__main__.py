"""`make bench-api`: reads of jobs against a bare Starlette hello, on SQLite and PostgreSQL.

One uvicorn process serves Lathe on core 0 with keys, access log (to a file) and metrics on and
a full table of jobs; another one serves the hello on the same core, and only one of them is
asked at a time. The load generator runs on core 1, 64 keep-alive connections without
pipelining; PostgreSQL runs there too, as on a machine of its own. Compared are answers a
second: each read's by those of the hello of the same round, medians over the rounds.
"""

import argparse
import os
import random
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from app.store.migrate import upgrade
from benchmarks.api.fill import VERSION, Filled, fill
from benchmarks.api.rounds import Read, run
from benchmarks.api.server import Server, serving
from benchmarks.api.table import Limit, settle
from stacks.postgres import Postgres

SERVER_CORE, LOAD_CORE = 0, 1
POLLED = 1000  # jobs that clients ask for in turn
COUNTER = "lathe_http_requests_total{"
LIMITS = {
    ("sqlite", "finished job"): Limit(0.18, 0.25),
    ("postgresql", "finished job"): Limit(0.18, 0.25),
    ("sqlite", "running job"): Limit(0.09, 0.12),
    ("postgresql", "running job"): Limit(0.04, 0.05),
}


@dataclass(frozen=True, slots=True)
class Options:
    """What may be asked for on the command line."""

    jobs: int
    rounds: int
    seconds: float
    databases: tuple[str, ...]
    keep: bool


def main() -> int:
    """Run; 0 when every limit is kept."""
    options = _options()
    os.sched_setaffinity(0, {LOAD_CORE})  # and every child that is not told otherwise
    seen: dict[str, list[Read]] = {}
    for database in options.databases:
        with _folder() as folder, _database(database, folder) as url:
            print(f"{database}: inserting {options.jobs} jobs", flush=True)
            upgrade(url)
            filled = fill(url, options.jobs)
            seen[database] = _measured(url, filled, folder, options)
    return settle(seen, LIMITS, jobs=options.jobs, keep=options.keep)


def _options() -> Options:
    parser = argparse.ArgumentParser(prog="make bench-api")
    parser.add_argument("--jobs", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each read, each round")
    parser.add_argument("--database", choices=["sqlite", "postgresql"], action="append")
    parser.add_argument("--quick", action="store_true", help="5,000 jobs, 3 rounds, not kept")
    given = parser.parse_args()
    databases = tuple(given.database or ["sqlite", "postgresql"])
    if given.quick:
        return Options(5000, 3, 1.0, databases, keep=False)
    return Options(given.jobs, given.rounds, given.seconds, databases, keep=True)


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="lathe-bench-api-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def _database(name: str, folder: Path) -> Iterator[str]:
    """The URL of an empty database of this kind."""
    if name == "sqlite":
        yield f"sqlite:///{folder / 'lathe.db'}"
        return
    server = Postgres()
    try:
        server.begin()
        yield server.url()
    finally:
        server.end()


def _measured(url: str, filled: Filled, folder: Path, options: Options) -> list[Read]:
    environment = {
        "LATHE_DATABASE_URL": url,
        "LATHE_OBJECTS_URL": f"file://{folder / 'objects'}",
        "LATHE_BROKER_URL": f"redis+socket://{folder / 'none'}",
        "LATHE_RATE_READS": "100000000/minute",  # counted, and never refused
    }
    with ExitStack() as stack:
        hello = stack.enter_context(
            serving("benchmarks.api.hello:app", SERVER_CORE, folder, {})
        )
        lathe = stack.enter_context(serving("app.main:app", SERVER_CORE, folder, environment))
        reads = _reads(hello, lathe, filled)
        run(reads, rounds=options.rounds, seconds=options.seconds, core=LOAD_CORE)
        _was_on_record(lathe, sum(read.answers for read in reads[1:]))
    return reads


def _reads(hello: Server, lathe: Server, filled: Filled) -> list[Read]:
    """The hello first; then what clients ask for, each job in turn."""
    polled, running = filled.finished[-POLLED:], filled.running[-POLLED:]
    rng = random.Random(5)  # noqa: S311 - a repeatable choice, no secret

    def get(path: str, *headers: str) -> bytes:
        authorization = f"Authorization: Bearer {filled.key}"
        lines = [f"GET {path} HTTP/1.1", "Host: bench", authorization, *headers, "", ""]
        return "\r\n".join(lines).encode()

    def unseen() -> list[bytes]:
        """Far more than are kept, so that none is when its turn comes again."""
        some = rng.sample(filled.finished, len(filled.finished))
        return [get(f"/v1/jobs/{job}") for job in some]

    def held(job: str) -> str:
        return f'If-None-Match: "{job}-{VERSION}"'

    return [
        Read("bare hello", hello, lambda: [get("/hello")]),
        Read("finished job", lathe, lambda: [get(f"/v1/jobs/{job}") for job in polled]),
        Read(
            "finished job, held (304)",
            lathe,
            lambda: [get(f"/v1/jobs/{job}", held(job)) for job in polled],
            status=304,
        ),
        Read("finished job, not kept", lathe, unseen),
        Read("running job", lathe, lambda: [get(f"/v1/jobs/{job}") for job in running]),
        Read(
            "events behind a number",
            lathe,
            lambda: [get(f"/v1/jobs/{job}/events?after=2") for job in running],
        ),
        Read("list of 50 jobs", lathe, lambda: [get("/v1/jobs?limit=50")]),
    ]


def _was_on_record(server: Server, answers: int) -> None:
    """Raise RuntimeError unless the log and the metrics have every answer."""
    with server.log.open("rb") as log:
        logged = sum(b'"event":"answered"' in line for line in log)
    text = httpx.get(f"{server.url}/metrics", trust_env=False).text
    samples = [line for line in text.splitlines() if line.startswith(COUNTER)]
    counted = sum(float(line.rpartition(" ")[2]) for line in samples)
    if not answers <= logged <= counted:
        raise RuntimeError(f"{answers} answers, {logged} log lines, {counted} counted")


if __name__ == "__main__":
    sys.exit(main())
