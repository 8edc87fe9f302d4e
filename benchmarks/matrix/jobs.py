"""The jobs of the matrix: all submitted to one service, each judged when it has ended."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.harness import value
from benchmarks.matrix.cell import Cell, refusal_end
from benchmarks.matrix.gate import objections
from benchmarks.matrix.subject import Subject, subject
from benchmarks.matrix.techniques import OPTIONS, pipeline
from lathe.client import Client
from lathe.errors import Failure, Refused
from lathe.report import Candidate
from lathe.states import JobState
from lathe.views import JobView

LONGEST_S = 3600
Place = tuple[str, str]  # technique, network


@dataclass(frozen=True, slots=True)
class Queued:
    """A cell under way: its job, or the refusal that came in place of one."""

    technique: str
    of: Subject
    job: JobView | None
    refusal: Failure | None = None


def cells(
    client: Client, places: Iterable[Place], subjects: Path, scratch: Path
) -> Iterator[Cell]:
    """Submit a job for every place, then give each cell as its job ends, in the same order."""
    for queued in list(_queued(client, places, subjects)):
        yield _ended(client, queued, scratch)


def _queued(client: Client, places: Iterable[Place], subjects: Path) -> Iterator[Queued]:
    """Every network is uploaded once."""
    there: dict[str, tuple[Subject, str, str]] = {}
    for technique, network in places:
        if network not in there:
            of = subject(network, subjects)
            uploaded = client.upload_model(of.model), client.upload_dataset(of.data)
            there[network] = of, uploaded[0].id, uploaded[1].id
        of, model, dataset = there[network]
        try:
            yield Queued(technique, of, client.submit(_spec(technique, of, model, dataset)))
        except Refused as refused:
            yield Queued(technique, of, None, refused.failure())


def _spec(technique: str, of: Subject, model: str, dataset: str) -> dict[str, object]:
    return {
        "name": f"{technique} {of.network.name}",
        "model": model,
        "data": {
            "train": {"dataset": dataset, "split": "train"},
            "calibration": {"dataset": dataset, "split": "calibration"},
            "evaluation": {"dataset": dataset, "split": "test"},
        },
        "task": dict(of.network.task),
        "pipeline": pipeline(technique),
        "benchmark": {"runs": 40, "every_step": True},
        "resources": {"max_run_s": LONGEST_S},
        "seed": 1,
    }


def _ended(client: Client, queued: Queued, scratch: Path) -> Cell:
    refusal, job = queued.refusal, queued.job
    if job is not None:
        job = client.wait(job.id)
        if job.state is JobState.SUCCEEDED:
            return _succeeded(client, queued, job, scratch)
        refusal = job.failure
    code = refusal.code if refusal else "cancelled"
    network = queued.of.network.name
    return Cell(
        technique=queued.technique,
        network=network,
        end=refusal_end(queued.technique, network, code),
        options=dict(OPTIONS[queued.technique]),
        code=code,
        why=refusal.detail if refusal else "the job was cancelled",
        wall_s=job.running_s if job else 0.0,
        at=_now(),
    )


def _succeeded(client: Client, queued: Queued, job: JobView, scratch: Path) -> Cell:
    report, of = client.report(job.id), queued.of
    first = report.candidates[0]
    files = {file.name: file for file in client.artifacts(job.id)}
    folder = scratch / job.id
    model = client.download(files[first.file], folder)
    packed_file = next(c.packed for c in report.candidates if c.packed)
    packed = client.download(files[packed_file.file], folder)
    metric = report.spec.task.measured[0] if report.spec.task else ""
    score = value(first, metric)
    found = "; ".join(
        objections(queued.technique, of, model, _same_model(report.candidates, packed), score)
    )
    smaller_or_faster = first.realised not in ("neither", "unmeasured")
    return Cell(
        technique=queued.technique,
        network=of.network.name,
        end="failed" if found else "realised" if smaller_or_faster else "packed",
        options=dict(OPTIONS[queued.technique]),
        metric=metric,
        why=found,
        realised=first.realised,
        bytes_before=int(value(report.baseline, "size_bytes")),
        bytes_after=model.stat().st_size,
        packed_bytes=packed.stat().st_size,
        latency_ratio=_latency(first),
        score_before=value(report.baseline, metric),
        score_after=score,
        wall_s=job.running_s,
        at=_now(),
        environment=report.environment.model_dump(),
    )


def _same_model(candidates: tuple[Candidate, ...], packed: Path) -> Path | None:
    """The packed file, where it holds the very file of the technique's own step."""
    return packed if len({candidate.sha256 for candidate in candidates}) == 1 else None


def _latency(candidate: Candidate) -> float | None:
    """Over the baseline's, at batch 1; None where it was not timed."""
    compared = candidate.against_baseline
    return next((c.change for c in compared if c.metric == "latency_ms"), None)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
