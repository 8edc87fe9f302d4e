"""make bench-alexnet DATA=folder [ARGS=...]: each technique alone, then all together.

Two nets: a narrow AlexNet for 32 x 32 images that is trained here for what is about accuracy
(benchmarks/alexnet/training.py), and the whole one with 57 million random weights for what is
about bytes and time. Every case is one job over HTTP that measures the file after each of its
steps (`benchmark.every_step`), in turns with the dense one. Rows are kept in
build/alexnet/rows/, so a long run can be made in pieces (`--only narrow/together --only
whole`); table and benchmarks/results/alexnet.json hold all that are there.
"""

import argparse
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.alexnet.cases import CASES, NARROW, WHOLE, pipeline
from benchmarks.alexnet.limits import LIMITS, show
from benchmarks.alexnet.nets import Net, net
from benchmarks.alexnet.row import Row, states
from benchmarks.alexnet.training import BUILD
from benchmarks.deep_compression.stage import LONGEST_S, Stage
from benchmarks.harness import conclude, run, service
from lathe.report import Environment

ROWS = [f"{name}/{case}" for name in (NARROW, WHOLE) for case in CASES]


def row(stage: Stage, start: Net, name: str, case: str, seed: int) -> Row:
    """Submit the job and read what the service found."""
    begun_s = time.perf_counter()
    spec: dict[str, object] = {
        "name": f"alexnet-{name}-{case}",
        "model": start.model,
        "pipeline": pipeline(case, start.asked),
        "seed": seed,
        "resources": {"max_run_s": LONGEST_S},
        **start.job,
    }
    report, _ = run(stage.client, spec, stage.scratch / name / case)
    return Row(
        net=name,
        case=case,
        seed=seed,
        states=tuple(states(report)),
        wall_s=time.perf_counter() - begun_s,
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        environment=report.environment.model_dump(),
    )


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.alexnet")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--build", type=Path, default=BUILD)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--only",
        action="append",
        choices=[NARROW, WHOLE, *ROWS],
        metavar="NET[/CASE]",
        help=f"one of {', '.join(ROWS)}, or all of a net; may be repeated",
    )
    parser.add_argument("--quick", action="store_true", help="one epoch; kept apart")
    parser.add_argument("--table", action="store_true", help="show what is there, run nothing")
    return parser.parse_args()


def run_all(said: argparse.Namespace, folder: Path) -> None:
    """Make the rows that are asked for, each kept as soon as it is there."""
    wanted = said.only or ROWS
    nets: dict[str, Net] = {}
    with service() as (client, scratch):
        stage = Stage(client, scratch, said.data, said.build, said.quick)
        for place in ROWS:
            name, case = place.split("/")
            if name not in wanted and place not in wanted:
                continue
            if name not in nets:
                nets[name] = net(stage, name, said.seed)
            found = row(stage, nets[name], name, case, said.seed)
            found.save(folder)
            show([found])


def main() -> int:
    """Run; 0 when every limit is kept and every row is there or was left out by hand."""
    said = arguments()
    folder: Path = said.build / ("quick" if said.quick else "rows")
    if not said.table:
        run_all(said, folder)
    rows = Row.kept(folder)
    show(rows[place] for place in ROWS if place in rows)
    if said.quick or not rows:
        return 0
    missing = [place for place in ROWS if place not in rows]
    lines = [limit.line(rows) for limit in LIMITS]
    latest = max(rows.values(), key=lambda one: one.at)
    status = conclude(
        "alexnet",
        [line for line in lines if line is not None],
        Environment.model_validate(latest.environment),
        rows=[asdict(rows[place]) for place in ROWS if place in rows],
        not_run=missing,
    )
    return status or int(bool(missing) and not said.only)


if __name__ == "__main__":
    sys.exit(main())
