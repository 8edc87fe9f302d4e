"""Models: uploading one, the list, and what inspection found in one of them."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from app import present
from app.http.deps import Parts, ReadDb
from app.page.job_page import inspection
from app.page.job_rows import job_row
from app.page.pareto import Point, value_of, with_front
from app.page.rendering import page
from app.page.route import PageRoute
from app.page.visitor import Looking
from app.store import glance, uploads
from app.store.glance import Glance
from app.store.rows import Model
from lathe.task import METRICS

router = APIRouter(prefix="/models", route_class=PageRoute, include_in_schema=False)

_PAGE_SIZE = 25
_JOBS = 10
_PLOTTED_JOBS = 60
_PRIMARY = tuple(dict.fromkeys(metrics[0] for metrics in METRICS.values()))


@router.get("")
async def listed(
    request: Request,
    visitor: Looking,
    db: ReadDb,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> Response:
    """The project's models, newest first, behind the form that uploads one."""
    statement = glance.models(visitor.project_id)
    rows, next_cursor = await glance.upload_page(db, statement, Model, cursor, _PAGE_SIZE)
    return page(request, "models.html", visitor, rows=rows, next_cursor=next_cursor)


@router.get("/{model_id}")
async def one(
    request: Request, model_id: str, visitor: Looking, db: ReadDb, parts: Parts
) -> Response:
    """A model: its doors, sizes and layers, what was noticed, and its jobs."""
    row, blob = await uploads.find_model(db, visitor.project_id, model_id)
    of_model = glance.jobs_of_model(visitor.project_id, model_id)
    found, steps, _ = await glance.job_page(db, of_model, None, _JOBS)
    scores = (
        await db.execute(glance.scores(visitor.project_id, model_id, _PLOTTED_JOBS))
    ).all()
    metric, points = _points(scores)
    return page(
        request,
        "model.html",
        visitor,
        model=present.model(row, blob),
        inspection=await inspection(parts, visitor.project_id, row),
        jobs=[job_row(job, steps[job.id]) for job in found],
        metric=metric,
        points=points,
    )


def _points(scores: Sequence[Glance]) -> tuple[str | None, list[Point]]:
    """Every file that a job on the model measured, by the score that most of them have."""
    metric = _most_measured(scores)
    if metric is None:
        return None, []
    files: dict[tuple[str, str], list[Glance]] = defaultdict(list)
    for row in scores:
        baseline = row.role == "baseline"  # the same file in every job: shown once
        files["" if baseline else row.job_id, row.candidate or "original"].append(row)
    points = []
    for (job, name), told in files.items():
        values = [(s.metric, s.of or "onnx", s.batch_size, s.value) for s in told]
        size, score = value_of(values, "size_bytes"), value_of(values, metric)
        if size is not None and score is not None:
            href = f"/jobs/{job}" if job else None
            latency = value_of(values, "latency_ms")
            role = "candidate" if job else "baseline"
            points.append(Point(name, role, size, score, latency, href))
    return metric, with_front(points, metric)


def _most_measured(scores: Sequence[Glance]) -> str | None:
    counted = {name: sum(s.metric == name for s in scores) for name in _PRIMARY}
    best = max(counted, key=lambda name: counted[name])
    return best if counted[best] else None
