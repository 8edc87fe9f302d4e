"""The figures as people read them, and as they are kept."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from statistics import median
from typing import Any

from benchmarks.harness import RESULTS, Line
from benchmarks.load.course import POLLS_A_SECOND, STREAMS, Seen
from worker.engine.measure.environment import environment

TIMES_IDLE = 3.0
_FILES_MORE = 20
_SERVER_ERROR = "5"
_FINE = ("200", "304")


def settle(seen: Mapping[str, Seen], *, keep: bool) -> int:
    """Print the tables, store them where `keep`, return the exit status."""
    lines = {database: _lines(each) for database, each in seen.items()}
    for database, each in seen.items():
        _print(database, each, lines[database])
    if keep:
        _store(seen, lines)
    return 0 if all(line.kept for each in lines.values() for line in each) else 1


def p99(values: list[float]) -> float:
    """The least value that 99 of 100 do not exceed."""
    return sorted(values)[-(-len(values) * 99 // 100) - 1]


def _lines(seen: Seen) -> list[Line]:
    loaded = p99(seen.of("loaded", "latencies_ms"))
    idle = min(p99(seen.of(f"idle {when}", "latencies_ms")) for when in ("before", "after"))
    statuses = _statuses(seen)
    wrong = sum(n for status, n in statuses.items() if status not in _FINE)
    errors = sum(n for status, n in statuses.items() if status.startswith(_SERVER_ERROR))
    memory = seen.memory
    assert memory is not None
    growth, allowed = (
        (each - memory.early_bytes) / 1e6 for each in (memory.late_bytes, memory.allowed_bytes)
    )
    counts = seen.told["counts"]
    files = seen.files
    return [
        Line("p99 of a poll, times idle", loaded / idle, TIMES_IDLE, at_least=False),
        Line("answers 5xx", errors + len(seen.errors_logged), 0, at_least=False),
        Line("polls not answered 200 or 304", wrong, 0, at_least=False),
        Line("streams open, the fewest", seen.least_open, STREAMS, at_least=True),
        Line("streams dropped by the service", counts.get("dropped", 0), 0, at_least=False),
        Line("faults of events and streams", len(seen.faults), 0, at_least=False),
        Line("jobs that failed", seen.jobs["failed"], 0, at_least=False),
        Line("memory of the API, growth in MB", growth, allowed, at_least=False),
        Line(
            "open files, after and before",
            files["idle after"] - files["idle before"],
            _FILES_MORE,
            at_least=False,
        ),
    ]


def _statuses(seen: Seen) -> Counter[str]:
    """Of every poll but those of the time while the API was killed."""
    found: Counter[str] = Counter()
    for window in seen.windows:
        if window["name"] != "restart":
            found.update(window["statuses"])
    return found


def _print(database: str, seen: Seen, lines: list[Line]) -> None:
    print(f"\n{database}: {POLLS_A_SECOND} polls a second, {STREAMS} streams")
    print(f"{'window':<16}{'polls':>8}{'p50 ms':>9}{'p99 ms':>9}{'max ms':>9}{'late p99':>10}")
    for each in seen.windows:
        print(_row(each))
    for who, cores in seen.cpu.items():
        print(f"{who + ', cores':<30}{cores:>8.3f}")
    print(f"{'until all are back, s':<30}{seen.back_s}")
    print(f"{'counts':<30}{seen.told['counts']}")
    print(f"{'jobs':<30}{seen.jobs}")
    for said in [*seen.faults[:10], *seen.errors_logged[:10]]:
        print(f"  {said}")
    for line in lines:
        relation = ">=" if line.at_least else "<="
        mark = "PASS" if line.kept else "MISS"
        print(f"{line.what:<44}{line.value:>12.4f}  {relation} {line.target:<10.4g}{mark}")


def _row(window: Mapping[str, Any]) -> str:
    taken = window["latencies_ms"]
    if not taken:
        return f"{window['name']:<16}{0:>8}"
    return (
        f"{window['name']:<16}{len(taken):>8}{median(taken):>9.2f}{p99(taken):>9.2f}"
        f"{max(taken):>9.1f}{p99(window['late_ms']):>10.2f}"
    )


def _store(seen: Mapping[str, Seen], lines: Mapping[str, list[Line]]) -> None:
    """A run on one database leaves the other one's figures as they are."""
    path = RESULTS / "load.json"
    kept = json.loads(path.read_text())["databases"] if path.exists() else {}
    for database, each in seen.items():
        kept[database] = _figures(each, lines[database])
    result = {
        "name": "load",
        "polls_a_second": POLLS_A_SECOND,
        "streams": STREAMS,
        "databases": kept,
        "environment": environment(threads=1, device="cpu", seed=0).model_dump(mode="json"),
    }
    path.write_text(json.dumps(result, indent=1) + "\n")


def _figures(seen: Seen, lines: list[Line]) -> dict[str, Any]:
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "lines": [asdict(line) | {"kept": line.kept} for line in lines],
        "windows": [_summary(each) for each in seen.windows],
        "cores": seen.cpu,
        "back_s": seen.back_s,
        "counts": seen.told["counts"],
        "opening_p99_ms": p99(seen.told["opening_ms"]),
        "faults": seen.faults,
        "jobs": seen.jobs,
        "files": seen.files,
        "memory_mb": [
            {
                "s": round(each.at_s - seen.samples[0].at_s),
                "rss": each.rss_bytes / 1e6,
                "anonymous": each.anonymous_bytes / 1e6,
                "files": each.files,
            }
            for each in seen.samples[::10]
        ],
    }


def _summary(window: Mapping[str, Any]) -> dict[str, Any]:
    taken = window["latencies_ms"]
    return {
        "name": window["name"],
        "polls": len(taken),
        "p50_ms": median(taken),
        "p99_ms": p99(taken),
        "max_ms": max(taken),
        "late_p99_ms": p99(window["late_ms"]),
        "statuses": window["statuses"],
    }
