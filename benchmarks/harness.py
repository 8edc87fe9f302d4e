"""What every benchmark shares: a running service, a checked table, a stored result."""

import json
import platform
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from examples.service import embedded
from lathe.client import Client
from lathe.report import Candidate, Environment, Report
from lathe.states import JobState

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True)
class Line:
    """One figure and the limit it must keep; `at_least` tells the direction."""

    what: str
    value: float
    target: float
    at_least: bool

    @property
    def kept(self) -> bool:
        """Whether the figure keeps its limit."""
        return self.value >= self.target if self.at_least else self.value <= self.target


@contextmanager
def service(settings: dict[str, str] | None = None) -> Iterator[tuple[Client, Path]]:
    """A client of a fresh embedded service, and a scratch folder; both end with the block.
    `settings` are environment variables of the service."""
    scratch = Path(tempfile.mkdtemp(prefix="lathe-bench-"))
    try:
        with (
            embedded(scratch / "data", environment=settings) as running,
            Client(running.url, running.key) as client,
        ):
            yield client, scratch
    finally:
        shutil.rmtree(scratch)


def run(client: Client, spec: dict[str, object], folder: Path) -> tuple[Report, Path]:
    """Submit, wait, download the best file; raises RuntimeError when the job fails."""
    job = client.wait(client.submit(spec).id)
    if job.state is not JobState.SUCCEEDED:
        raise RuntimeError(f"job {job.id} {job.state}: {job.failure}")
    report = client.report(job.id)
    wanted = [
        a
        for a in client.artifacts(job.id)
        if a.kind == "onnx" and a.candidate == report.verdict.best
    ]
    return report, client.download(wanted[0], folder)


def best(report: Report) -> Candidate:
    """The candidate that the verdict names."""
    return next(c for c in report.candidates if c.id == report.verdict.best)


def value(candidate: Candidate, metric: str, batch_size: int | None = None) -> float:
    """One measured number; raises StopIteration when the report lacks it."""
    return next(
        m.value
        for m in candidate.measurements
        if m.metric == metric and m.batch_size == batch_size
    )


def settle(name: str, lines: list[Line], report: Report) -> int:
    """Print the table, store it with its environment, return the exit status."""
    status = conclude(name, lines, report.environment, verdict=report.verdict.model_dump())
    print(report.verdict.sentence)
    return status


def conclude(name: str, lines: list[Line], environment: Environment, **details: object) -> int:
    """Print the table, store it with `environment` and `details`, return the exit status."""
    for line in lines:
        relation = ">=" if line.at_least else "<="
        mark = "PASS" if line.kept else "MISS"
        print(f"{line.what:<44}{line.value:>12.4f}  {relation} {line.target:<10g}{mark}")
    RESULTS.mkdir(exist_ok=True)
    result = {
        "name": name,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "lines": [asdict(line) | {"kept": line.kept} for line in lines],
        **details,
        "environment": environment.model_dump() | {"kernel": platform.release()},
    }
    (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")
    return 0 if all(line.kept for line in lines) else 1
