"""A long benchmark whose rows are made one by one, kept as files, and told together."""

import argparse
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Generic, Self, TypeVar

from benchmarks.deep_compression.stage import Stage
from benchmarks.harness import Line, best, conclude, service, value
from lathe.report import Environment, Report


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One finished case; the fields that a benchmark adds are what JSON can hold."""

    case: str
    accuracy: float
    dense_accuracy: float
    at: str
    environment: dict[str, object]

    @property
    def points_lost(self) -> float:
        """Of the accuracy, in percentage points."""
        return 100 * (self.dense_accuracy - self.accuracy)

    def save(self, folder: Path) -> None:
        """Under the case's name; an earlier one is replaced."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.case.replace('/', '-')}.json"
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def kept(cls, folder: Path) -> dict[str, Self]:
        """Every row in the folder, by its case."""
        rows = [cls(**json.loads(path.read_text())) for path in folder.glob("*.json")]
        return {row.case: row for row in rows}


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed(Row):
    """A case whose file was timed in turns with the float model, and that may have trained."""

    held_out_before: float | None
    held_out_after: float | None
    onnx_bytes: int
    latency_ms: float
    dense_latency_ms: float
    wall_s: float

    @property
    def held_out(self) -> str:
        """The held-out score before and after training."""
        if self.held_out_before is None:
            return "-"
        return f"{self.held_out_before:.4f} > {self.held_out_after:.4f}"


def timed(case: str, report: Report, file: Path, begun_s: float) -> dict[str, Any]:
    """The fields of Timed for the job that began at `begun_s` of the performance counter."""
    after = best(report)
    return {
        "case": case,
        "accuracy": value(after, "accuracy"),
        "dense_accuracy": value(report.baseline, "accuracy"),
        "held_out_before": number(report, "held_out_score_before"),
        "held_out_after": number(report, "held_out_score_after"),
        "onnx_bytes": file.stat().st_size,
        "latency_ms": value(after, "latency_ms", 1),
        "dense_latency_ms": value(report.baseline, "latency_ms", 1),
        "wall_s": time.perf_counter() - begun_s,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "environment": report.environment.model_dump(),
    }


def number(report: Report, fact: str) -> float | None:
    """Of the first step that tells it."""
    for step in report.steps:
        found = step.facts.get(fact)
        if isinstance(found, int | float):
            return float(found)
    return None


R = TypeVar("R", bound=Row)


@dataclass(frozen=True, slots=True)
class Pieces(Generic[R]):
    """The benchmark `name`: `make` gives the row of one of `cases`, `show` prints some, and
    `lines` are the limits that those which are there must keep."""

    name: str
    cases: Sequence[str]
    kind: type[R]
    make: Callable[[Stage, str, int], R]
    show: Callable[[Iterable[R]], None]
    lines: Callable[[Mapping[str, R]], Iterable[Line]]

    def main(self) -> int:
        """Do what the command line says; 0 when every limit is kept and every row is there or
        was left out by hand."""
        said = self._arguments()
        folder: Path = said.build / ("quick" if said.quick else "rows")
        if not said.table:
            with service() as (client, scratch):
                stage = Stage(client, scratch, said.data, said.build, said.quick)
                for case in said.only or self.cases:
                    found = self.make(stage, case, said.seed)
                    found.save(folder)
                    self.show([found])
        rows = self.kind.kept(folder)
        self.show(rows[case] for case in self.cases if case in rows)
        if said.quick or not rows:
            return 0
        missing = [case for case in self.cases if case not in rows]
        latest = max(rows.values(), key=lambda one: one.at)
        status = conclude(
            self.name,
            list(self.lines(rows)),
            Environment.model_validate(latest.environment),
            rows=[asdict(one) | {"points_lost": one.points_lost} for one in rows.values()],
            not_run=missing,
        )
        return status or int(bool(missing) and not said.only)

    def _arguments(self) -> argparse.Namespace:
        parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{self.name}")
        parser.add_argument("--data", type=Path, required=True)
        parser.add_argument("--build", type=Path, default=Path("build") / self.name)
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument("--only", action="append", choices=self.cases)
        parser.add_argument("--quick", action="store_true", help="one epoch of 512; kept apart")
        parser.add_argument(
            "--table", action="store_true", help="show what is there, run nothing"
        )
        return parser.parse_args()
