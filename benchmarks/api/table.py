"""The figures as people read them, and as they are kept."""

import json
import os
import platform
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.api.rounds import CONNECTIONS, Read, median
from benchmarks.harness import RESULTS

_PACKAGES = ("fastapi", "starlette", "uvicorn", "uvloop", "httptools", "sqlalchemy", "asyncpg")


@dataclass(frozen=True, slots=True)
class Limit:
    """What a read's share of the hello's rate must be, and what it is meant to be."""

    at_least: float
    aim: float


def settle(
    seen: Mapping[str, list[Read]],
    limits: Mapping[tuple[str, str], Limit],
    *,
    jobs: int,
    keep: bool,
) -> int:
    """Print the table, store it with its environment where `keep`, return the exit status."""
    print(f"{jobs} jobs in the table, {CONNECTIONS} connections, one process on one core")
    print(f"{'':<34}{'of hello':>9}{'spread':>15}{'answers/s':>11}{'cpu us':>8}{'p50 ms':>8}")
    lines, missed = [], 0
    for database, (hello, *reads) in seen.items():
        for read in (hello, *reads):
            limit = limits.get((database, read.name))
            share = median(read.of(hello))
            verdict = "" if limit is None else _verdict(share, limit)
            missed += verdict.startswith("MISS")
            print(f"{database + ': ' + read.name:<34}{_figures(read, hello)}  {verdict}")
            lines.append(_line(database, read, hello, limit))
    if keep:
        _store(lines, jobs)
    return 1 if missed else 0


def _verdict(share: float, limit: Limit) -> str:
    said = "PASS" if share >= limit.at_least else "MISS"
    aim = "reached" if share >= limit.aim else "not reached"
    return f"{said} >= {limit.at_least:g} (aim {limit.aim:g} {aim})"


def _figures(read: Read, hello: Read) -> str:
    shares = read.of(hello)
    spread = f"{min(shares):.3f}..{max(shares):.3f}"
    return (
        f"{median(shares):>9.3f}{spread:>15}{median(read.rates):>11.0f}"
        f"{median(read.cpu_us):>8.0f}{median(read.p50_ms):>8.1f}"
    )


def _line(database: str, read: Read, hello: Read, limit: Limit | None) -> dict[str, Any]:
    share = median(read.of(hello))
    return {
        "database": database,
        "read": read.name,
        "of_hello": share,
        "of_hello_by_round": read.of(hello),
        "answers_a_s_by_round": read.rates,
        "server_cpu_us_by_round": read.cpu_us,
        "p50_ms_by_round": read.p50_ms,
        "p99_ms_by_round": read.p99_ms,
        "at_least": None if limit is None else limit.at_least,
        "aim": None if limit is None else limit.aim,
        "kept": None if limit is None else share >= limit.at_least,
    }


def _store(lines: list[dict[str, Any]], jobs: int) -> None:
    RESULTS.mkdir(exist_ok=True)
    result = {
        "name": "api",
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "jobs": jobs,
        "connections": CONNECTIONS,
        "lines": lines,
        "environment": {
            "cpu": _cpu(),
            "cores": os.cpu_count(),
            "kernel": platform.release(),
            "python": platform.python_version(),
            "sqlite": sqlite3.sqlite_version,
            "packages": {name: version(name) for name in _PACKAGES},
        },
    }
    (RESULTS / "api.json").write_text(json.dumps(result, indent=1) + "\n")


def _cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())
