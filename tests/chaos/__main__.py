"""`make chaos`: real jobs while everything they need is killed, frozen or taken away.

    python -m tests.chaos [--jobs 200] [--stack sqlite|servers] [--seed 7] [--out chaos-out]

Two stacks one after the other: SQLite with a folder of objects, and PostgreSQL with S3; both
with Valkey. Exit status 1 when a line of either table is missed. `<out>/<stack>/faults.log`
holds every fault, `<out>/<stack>/logs` what the processes printed.
"""

import argparse
import json
import os
import platform
import shutil
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from tests.chaos.campaign import Orders, campaign
from tests.chaos.mounts import own_mounts
from tests.chaos.processes import adopt_orphans
from tests.chaos.schedule import PER_JOBS
from tests.chaos.stack import ROOT
from tests.chaos.verdict import lines, show

STACKS = ("sqlite", "servers")
RESULT = ROOT / "benchmarks" / "results" / "chaos.json"


def main() -> int:
    """Run; 0 when every line of every table holds."""
    options = _options()
    adopt_orphans()
    no_disks = own_mounts()
    say = sys.stdout.write
    say(f"seed {options.seed}; disks that can be filled: {no_disks or 'yes'}\n")
    orders = Orders(options.jobs, options.seed, options.out, no_disks is None)
    stacks = [options.stack] if options.stack else list(STACKS)
    for name in stacks:
        shutil.rmtree(options.out / name, ignore_errors=True)
    found = {name: campaign(name, orders) for name in stacks}
    tables = {name: lines(each, options.jobs) for name, each in found.items()}
    for name, each in found.items():
        show(each, tables[name])
    kept = all(line.kept for table in tables.values() for line in table)
    if options.jobs >= PER_JOBS and len(stacks) == len(STACKS):
        result = {
            "name": "chaos",
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "seed": options.seed,
            "stacks": {
                name: {
                    "lines": [asdict(line) | {"kept": line.kept} for line in tables[name]],
                    "findings": each.as_json(),
                }
                for name, each in found.items()
            },
            "environment": _environment(),
        }
        RESULT.write_text(json.dumps(result, indent=1) + "\n")
    say("every line is kept\n" if kept else "A LINE IS MISSED\n")
    return 0 if kept else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--jobs", type=int, default=PER_JOBS)
    parser.add_argument("--stack", choices=STACKS)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=lambda text: Path(text).resolve(), default="chaos-out")
    return parser.parse_args()


def _environment() -> dict[str, object]:
    return {
        "machine": platform.machine(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "cpus": len(os.sched_getaffinity(0)),
        "load": os.getloadavg()[0],
    }


if __name__ == "__main__":
    sys.exit(main())
