"""`benchmarks/results/fuzz.json`: the last kept run of each parser."""

import fcntl
import json
import os
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.fuzz.supervised import Run

FILE = Path(__file__).parents[2] / "benchmarks" / "results" / "fuzz.json"


def store(name: str, done: Run) -> None:
    """Put this run in the place of the parser's last one; others stay as they are."""
    FILE.touch()
    with FILE.open("r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        before = json.loads(file.read() or "{}")
        others = [each for each in before.get("parsers", []) if each["parser"] != name]
        kept = [*others, _row(name, done)]
        result = {
            **before,
            "name": "fuzz",
            "with": {package: version(package) for package in ("atheris",)},
            "parsers": sorted(kept, key=lambda row: row["parser"]),
        }
        file.seek(0)
        file.write(json.dumps(result, indent=1) + "\n")
        file.truncate()


def _row(name: str, done: Run) -> dict[str, Any]:
    return {
        "parser": name,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "nice": os.getpriority(os.PRIO_PROCESS, 0),
        "executions": done.executions,
        "accepted": done.accepted,
        "seconds": done.seconds,
        "cpu_s": done.cpu_s,
        "executions_per_cpu_s": round(done.executions / max(done.cpu_s, 0.1)),
        "edges": done.edges,
        "grown_mb": done.grown_mb,
        "slowest_ms": done.slowest_ms,
        "slowest_input": done.slowest_input,
        "findings": [
            {"kind": each["kind"], "said": each["said"], "input": each["input"]}
            for each in done.findings
        ],
    }


def _commit() -> str:
    told = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=FILE.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return told.stdout.strip()
