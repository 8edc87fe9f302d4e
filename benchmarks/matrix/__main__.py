"""make bench-matrix [ARGS="--only technique[/network]"]

Thirteen networks times every technique of the registry. Each cell is a job over HTTP and ends
in one of three ways, or misses the target:

    realised   the file is smaller or faster, and stands what gate.py asks
    packed     it is neither, and says so (`realised: neither`), with its packed size
    refused    by a code that allowed_refusals.py has for this cell

A cell is kept in build/matrix/cells/ as soon as it is there and not made again, unless --only
names it, so the matrix can be made in pieces. benchmarks/results/matrix.json has all that are
there. The exit status is 1 when a cell failed or is missing, or when too many are refused.
"""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

from benchmarks.harness import Line, conclude, service
from benchmarks.matrix.allowed_refusals import LARGEST_SHARE
from benchmarks.matrix.cell import Cell, kept
from benchmarks.matrix.jobs import Place, cells
from benchmarks.matrix.networks import NETWORKS
from benchmarks.matrix.techniques import registered
from lathe.report import Environment

BUILD = Path("build/matrix")


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.matrix")
    parser.add_argument("--build", type=Path, default=BUILD)
    parser.add_argument("--only", action="append", default=[], metavar="TECHNIQUE[/NETWORK]")
    parser.add_argument("--network", action="append", default=[], choices=NETWORKS)
    parser.add_argument("--table", action="store_true", help="show what is there, run nothing")
    said = parser.parse_args()
    offered = {name for t, n in every_place() for name in (t, f"{t}/{n}")}
    for name in said.only:
        if name not in offered:
            parser.error(f"there is no {name!r}; there are {', '.join(registered())}")
    return said


def every_place() -> list[Place]:
    """All cells, network by network."""
    return [(technique, network) for network in NETWORKS for technique in registered()]


def wanted(said: argparse.Namespace, there: Mapping[Place, Cell]) -> list[Place]:
    """Those that are named, whether they are there or not; without names, all that are
    missing."""
    return [
        (technique, network)
        for technique, network in every_place()
        if (not said.network or network in said.network)
        and (
            {technique, f"{technique}/{network}"} & set(said.only)
            if said.only
            else (technique, network) not in there
        )
    ]


def show(cell: Cell) -> None:
    """One line."""
    figures = ""
    if cell.bytes_before and cell.bytes_after and cell.packed_bytes:
        figures = (
            f"{cell.bytes_after / cell.bytes_before:.2f} of the bytes, "
            f"{cell.packed_bytes / cell.bytes_before:.2f} packed, "
            f"{cell.latency_ratio or 0:.2f} of the time, "
            f"{cell.metric} {cell.score_before:.3f} -> {cell.score_after:.3f}"
        )
    told = " ".join(part for part in (figures, cell.code, cell.why) if part)
    print(f"{cell.technique:<22}{cell.network:<16}{cell.end:<10}{told}", flush=True)


def main() -> int:
    """Run; 0 when every cell is there and none failed."""
    said = arguments()
    folder = said.build / "cells"
    missing = [] if said.table else wanted(said, kept(folder))
    if missing:
        with service() as (client, scratch):
            for cell in cells(client, missing, said.build / "subjects", scratch):
                cell.save(folder)
                show(cell)
    places = every_place()
    there = kept(folder)
    made = [there[place] for place in places if place in there]
    if said.table:
        for cell in made:
            show(cell)
    return _concluded(made, len(places))


def _concluded(made: list[Cell], places: int) -> int:
    ends = [cell.end for cell in made]
    lines = [
        Line("cells that are there", len(made), places, at_least=True),
        Line("cells that failed", ends.count("failed"), 0, at_least=False),
        Line(
            "share of cells that are refused",
            ends.count("refused") / places,
            LARGEST_SHARE,
            at_least=False,
        ),
    ]
    measured = [cell for cell in made if cell.environment]
    if not measured:
        print("no cell has been measured yet")
        return 1
    latest = max(measured, key=lambda cell: cell.at)
    environment = Environment.model_validate(latest.environment)
    return conclude("matrix", lines, environment, cells=[cell.plain() for cell in made])


if __name__ == "__main__":
    sys.exit(main())
