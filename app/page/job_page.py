"""What the page of one job shows: how it stands, and once it has ended what was measured."""

from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from app.follow import reading
from app.logs import log
from app.page.changes import Change, changes, foremost
from app.page.pareto import Point, value_of, with_front
from app.page.visitor import Visitor
from app.services import Services
from app.store import glance, uploads
from app.store.rows import Artifact, Blob, Dataset, Model
from lathe.report import Candidate, Report
from lathe.states import JobState, UploadState
from lathe.views import JobView

_MOST_BYTES = 16 << 20  # of a report that is read for the page; the whole is a link away
_MODELS = {"onnx", "packed"}


@dataclass(frozen=True)
class Proof:
    """What a report has to show on the page."""

    report: Report
    changes: list[Change]
    foremost: list[Change]
    points: list[Point]
    metric: str | None

    @property
    def most_layer_bytes(self) -> int:
        """What the bars of layers are drawn against."""
        return max((layer.bytes_before for layer in self.report.layers), default=0)


async def shown(parts: Services, project_id: str, job_id: str) -> JobView:
    """The job as `GET /v1/jobs/{id}` tells it; raises Missing."""
    return JobView.model_validate_json((await reading.job(parts, project_id, job_id)).body)


async def job_page(parts: Services, visitor: Visitor, job_id: str) -> dict[str, Any]:
    """Everything the template asks for; raises Missing."""
    job = await shown(parts, visitor.project_id, job_id)
    project = visitor.project_id
    async with parts.reading() as session:
        found = await session.execute(glance.artifacts(project, job_id))
        files = [(artifact, blob) for artifact, blob in found.all()]
        model = None
        if job.spec is not None:
            wanted = uploads.models_by_id(project, {job.spec.model})
            model = (await session.scalars(wanted)).one_or_none()
    return {
        "job": job,
        "model": model,
        "best": [each for each in files if _is_best(job, each[0])],
        "others": [each for each in files if not _is_best(job, each[0])],
        "report": next((a for a, _ in files if a.kind == "report.html"), None),
        "proof": await _proof(parts, job, files),
        "spec": job.spec.model_dump_json(indent=2, exclude_defaults=True) if job.spec else "",
        "running": job.state in {JobState.QUEUED, JobState.RUNNING},
    }


async def inspection(
    parts: Services, project_id: str, upload: Model | Dataset
) -> JobView | None:
    """The job that still looks at an upload, or fetches it; None once it is decided."""
    if upload.state != UploadState.PENDING or upload.inspection_job_id is None:
        return None
    return await shown(parts, project_id, upload.inspection_job_id)


def _is_best(job: JobView, artifact: Artifact) -> bool:
    """Whether it is what people came for: a file of the candidate that the verdict is about."""
    chosen = job.verdict is None or artifact.candidate in {job.verdict.best, None}
    return chosen and artifact.kind in _MODELS


async def _proof(
    parts: Services, job: JobView, files: list[tuple[Artifact, Blob]]
) -> Proof | None:
    blob = next((blob for artifact, blob in files if artifact.kind == "report.json"), None)
    if blob is None or blob.size_bytes > _MOST_BYTES:
        return None
    windows = await parts.objects.read(blob.key, 0, blob.size_bytes)
    try:
        report = Report.model_validate_json(b"".join([bytes(each) async for each in windows]))
    except ValidationError as error:  # of another release: the file itself is a link away
        log("app.page").warning("report not shown", job_id=job.id, why=str(error)[:500])
        return None
    best = next((c for c in report.candidates if c.id == report.verdict.best), None)
    task = report.spec.task
    metric = task.measured[0] if task else None
    every = changes(report.baseline, best) if best else []
    return Proof(
        report=report,
        changes=every,
        foremost=foremost(every, metric),
        points=_points(report, metric) if metric else [],
        metric=metric,
    )


def _points(report: Report, metric: str) -> list[Point]:
    every = [("original", "baseline", report.baseline)]
    every += [(each.id, "candidate", each) for each in report.candidates]
    points = [_point(name, role, each, metric) for name, role, each in every]
    return with_front([point for point in points if point is not None], metric)


def _point(name: str, role: str, file: Candidate, metric: str) -> Point | None:
    told = [(m.metric, str(m.of), m.batch_size, m.value) for m in file.measurements]
    size, score = value_of(told, "size_bytes"), value_of(told, metric)
    if size is None or score is None:
        return None
    return Point(name, role, size, score, value_of(told, "latency_ms"))
