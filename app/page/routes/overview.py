"""What there is, at a glance."""

from fastapi import APIRouter, Request, Response

from app.http.deps import Parts, ReadDb
from app.page.job_rows import job_row
from app.page.rendering import page
from app.page.route import PageRoute
from app.page.used import figures
from app.page.visitor import Looking
from app.store import glance
from app.store.quotas.usage import usage
from app.store.rows import Dataset, Model

NEWEST_JOBS = 8
_NEWEST_UPLOADS = 5

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/")
async def overview(request: Request, visitor: Looking, db: ReadDb, parts: Parts) -> Response:
    """Counts, what is used of the quotas, the newest jobs and uploads; the first steps where
    there are none."""
    project = visitor.project_id
    found, steps, _ = await glance.job_page(db, glance.jobs(project), None, NEWEST_JOBS)
    rows = [job_row(job, steps[job.id]) for job in found]
    models, _ = await glance.upload_page(
        db, glance.models(project), Model, None, _NEWEST_UPLOADS
    )
    datasets, _ = await glance.upload_page(
        db, glance.datasets(project), Dataset, None, _NEWEST_UPLOADS
    )
    return page(
        request,
        "overview.html",
        visitor,
        used=figures(await db.run_sync(usage, project, parts.settings.limits)),
        counts=await glance.counts(db, project),
        jobs=rows,
        watched=any(row.unfinished for row in rows),
        models=models,
        datasets=datasets,
    )
