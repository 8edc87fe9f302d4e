"""The end of a measurement that has no job's report: lines, notes, a stored result."""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from benchmarks.harness import RESULTS, Line
from worker.engine.measure.environment import cpu_name

PACKAGES = ("fastapi", "starlette", "uvicorn", "uvloop", "sqlalchemy", "obstore", "celery")


def tally(
    name: str,
    lines: Sequence[Line],
    notes: Sequence[str],
    details: dict[str, Any],
    *,
    keep: bool,
) -> int:
    """Print every line as PASS or MISS and every note, store all of it where `keep`, and
    return the exit status: 1 when a line was missed."""
    for line in lines:
        relation = ">=" if line.at_least else "<="
        mark = "PASS" if line.kept else "MISS"
        print(f"{line.what:<58}{line.value:>10.3f}  {relation} {line.target:<6g} {mark}")
    for note in notes:
        print(note)
    if keep:
        RESULTS.mkdir(exist_ok=True)
        result = {
            "name": name,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "lines": [asdict(line) | {"kept": line.kept} for line in lines],
            "notes": list(notes),
            "details": details,
            "environment": {
                "cpu": cpu_name(),
                "cores": os.cpu_count(),
                "kernel": platform.release(),
                "python": platform.python_version(),
                "packages": {package: version(package) for package in PACKAGES},
            },
        }
        (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")
    return 0 if all(line.kept for line in lines) else 1
