"""make bench-deep-compression DATA=folder [SEEDS=0,1,2] [ARGS=...]

Every row is a job over HTTP: model, teachers and data uploaded, the packed file downloaded,
decoded in a fresh process with lathe.packed alone and judged there by onnxruntime. Rows are
kept in build/deep_compression/rows/, so a long run can be made in pieces (`--only
lenet-5/classic --seeds 1`); the table and benchmarks/results/deep_compression.json hold all
that are there. LeNet's teachers and dense baselines are trained from scratch first, with
augmentation and, for the LeNets, distillation; a compressed net learns from the labels of
augmented images, and from the dense net and both teachers where its case says so.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.deep_compression import lenets, minilm, resnet20
from benchmarks.deep_compression.baselines import BUILD, baselines
from benchmarks.deep_compression.limits import LIMITS, MINILM, RESNET, show
from benchmarks.deep_compression.rows import environment_of, kept
from benchmarks.deep_compression.stage import Stage
from benchmarks.harness import Line, conclude, service

SUBJECTS = (*lenets.PARAMETERS, RESNET, MINILM)


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.deep_compression")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--build", type=Path, default=BUILD)
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="SUBJECT[/CASE]",
        help=f"one of {', '.join(SUBJECTS)}, or one case of it; may be repeated",
    )
    parser.add_argument("--ablation", action="store_true", help="each ingredient left out too")
    parser.add_argument("--quick", action="store_true", help="a few epochs; nothing is stored")
    parser.add_argument("--table", action="store_true", help="show what is there, run nothing")
    said = parser.parse_args()
    unknown = [part for part in said.only if part.split("/")[0] not in SUBJECTS]
    if unknown:
        parser.error(f"there is no {unknown[0]!r}; there are {', '.join(SUBJECTS)}")
    return said


def chosen(said: argparse.Namespace) -> Iterator[tuple[str, str, int]]:
    """Subject, case and seed of every row to make; seeds outermost for the LeNets."""
    wanted = set(said.only or SUBJECTS)
    seeds = [int(seed) for seed in said.seeds.split(",")]
    named = any("/" in part for part in wanted)
    for subject in SUBJECTS:
        offered = {
            RESNET: resnet20.CASES,
            MINILM: minilm.CASES,
        }.get(subject) or lenets.cases(subject, ablation=said.ablation or named)
        for seed in seeds if subject in lenets.PARAMETERS else seeds[:1]:
            for case in offered:
                if subject in wanted or f"{subject}/{case}" in wanted:
                    yield subject, case, seed


def run(said: argparse.Namespace) -> None:
    """Make the rows, each kept as soon as it is there."""
    rows = list(chosen(said))
    for seed in sorted({seed for subject, _, seed in rows if subject in lenets.PARAMETERS}):
        notes = baselines(said.data, said.build, seed, quick=said.quick) / "baselines.json"
        print(f"baselines of seed {seed}: {notes.read_text()}", flush=True)
    with service() as (client, scratch):
        stage = Stage(client, scratch, said.data, said.build, said.quick)
        for subject, case, seed in rows:
            print(f"{subject} {case}, seed {seed} ...", flush=True)
            if subject == RESNET:
                row = resnet20.row(stage, case, seed)
            elif subject == MINILM:
                row = minilm.row(stage, case, seed)
            else:
                row = lenets.row(stage, subject, case, seed)
            row.save(lenets.folder_of(said.build, quick=said.quick))
            show([row])


def main() -> int:
    """Run; 0 when every limit is kept by rows that are there."""
    said = arguments()
    if not said.table:
        run(said)
    rows = kept(lenets.folder_of(said.build, quick=said.quick))
    show(rows)
    lines, missing = [], []
    for limit in LIMITS:
        line = limit.line(rows)
        if line is None:
            missing.append(f"{limit.subject}, {limit.case}: {limit.what}")
        else:
            lines.append(line)
    inexact = sum(not row.exact for row in rows)
    lines.append(Line("files that were not decoded exactly", inexact, 0, at_least=False))
    for what in missing:
        print(f"{what:<64}NOT RUN")
    if said.quick:
        return 0
    details = {"rows": [row.plain() for row in rows], "not_run": missing}
    status = conclude("deep_compression", lines, environment_of(rows), **details)
    return status or int(bool(missing) and not said.only)


if __name__ == "__main__":
    sys.exit(main())
