"""One finished job: the file after every one of its steps, beside the dense one."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from lathe.report import Candidate, Report
from worker.engine.run.measured import measured

DENSE = "dense"
LATENCY = "latency_ms"


@dataclass(frozen=True, slots=True)
class State:
    """What there is after one step. `latency_ratio` is to the dense net of the same job, the
    median over runs in turns."""

    after: str
    onnx_bytes: int
    packed_bytes: int | None
    parameters: int
    macs: int
    latency_ms: float
    latency_ratio: float
    contended: bool
    accuracy: float | None
    step_s: float


@dataclass(frozen=True, slots=True)
class Row:
    """One case of one net; `states` are the dense one's and those after each step."""

    net: str
    case: str
    seed: int
    states: tuple[State, ...]
    wall_s: float
    at: str
    environment: dict[str, object]

    @property
    def dense(self) -> State:
        """What the job began with."""
        return self.states[0]

    @property
    def end(self) -> State:
        """What it handed over."""
        return self.states[-1]

    @property
    def smaller(self) -> float:
        """Times, the ONNX files."""
        return self.dense.onnx_bytes / self.end.onnx_bytes

    @property
    def packed_smaller(self) -> float:
        """Times, the packed file against the dense ONNX file; raises ValueError without."""
        if self.end.packed_bytes is None:
            raise ValueError(f"{self.net}/{self.case} has no packed file")
        return self.dense.onnx_bytes / self.end.packed_bytes

    @property
    def faster(self) -> float:
        """Times, at batch 1."""
        return 1 / self.end.latency_ratio

    @property
    def macs_left(self) -> float:
        """Fraction."""
        return self.end.macs / self.dense.macs

    @property
    def points_lost(self) -> float | None:
        """Of the accuracy, in percentage points; None where nothing was judged."""
        if self.dense.accuracy is None or self.end.accuracy is None:
            return None
        return 100 * (self.dense.accuracy - self.end.accuracy)

    def save(self, folder: Path) -> None:
        """Under net and case; an earlier one is replaced."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.net}-{self.case}.json"
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def kept(cls, folder: Path) -> dict[str, Self]:
        """Every row in the folder, by net/case."""
        read = (json.loads(path.read_text()) for path in folder.glob("*.json"))
        rows = [cls(**row | {"states": _states(row["states"])}) for row in read]
        return {f"{row.net}/{row.case}": row for row in rows}


def _states(plain: list[dict[str, Any]]) -> tuple[State, ...]:
    return tuple(State(**state) for state in plain)


def states(report: Report) -> Iterator[State]:
    """The dense net, then what was measured after every step."""
    yield _state(DENSE, report.baseline, 0.0)
    for step, candidate in zip(report.steps, report.candidates, strict=True):
        yield _state(step.technique, candidate, step.wall_s)


def _state(after: str, file: Candidate, step_s: float) -> State:
    accuracy = measured(file, "accuracy")
    timed = measured(file, LATENCY)
    if timed is None:
        raise ValueError(f"{file.id} was not timed")
    ratio = next((c.change for c in file.against_baseline if c.metric == LATENCY), 1.0)
    return State(
        after=after,
        onnx_bytes=_count(file, "size_bytes"),
        packed_bytes=file.packed.size_bytes if file.packed else None,
        parameters=_count(file, "parameters"),
        macs=_count(file, "macs"),
        latency_ms=timed.value,
        latency_ratio=ratio,
        contended=timed.contended,
        accuracy=None if accuracy is None else accuracy.value,
        step_s=step_s,
    )


def _count(file: Candidate, metric: str) -> int:
    found = measured(file, metric)
    if found is None:
        raise ValueError(f"the report has no {metric} of {file.id}")
    return int(found.value)
