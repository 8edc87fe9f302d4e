"""Jobs: the list, one of them as it runs and what came out, cancelling and retrying."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from app.auth import still
from app.control import cancel, retry
from app.follow.event_response import EventResponse
from app.http.deps import Parts, ReadDb
from app.page.job_page import job_page, shown
from app.page.job_rows import job_row
from app.page.live import told
from app.page.rendering import HEADERS, page, part
from app.page.route import PageRoute
from app.page.visitor import Looking, Writing
from app.store import glance, jobs
from lathe.states import JobState

router = APIRouter(prefix="/jobs", route_class=PageRoute, include_in_schema=False)

PAGE_SIZE = 25
State = Annotated[JobState | None, Query()]
Cursor = Annotated[str | None, Query(max_length=200)]


@router.get("")
async def listed(
    request: Request, visitor: Looking, db: ReadDb, state: State = None, cursor: Cursor = None
) -> Response:
    """The project's compression jobs, newest first."""
    statement = glance.jobs(visitor.project_id, [state] if state else [])
    found, steps, next_cursor = await glance.job_page(db, statement, cursor, PAGE_SIZE)
    rows = [job_row(job, steps[job.id]) for job in found]
    return page(
        request,
        "jobs.html",
        visitor,
        jobs=rows,
        state=str(state) if state else None,
        watched=cursor is None and any(row.unfinished for row in rows),
        next_cursor=next_cursor,
    )


@router.get("/rows")
async def rows(
    visitor: Looking,
    db: ReadDb,
    state: State = None,
    limit: Annotated[int, Query(ge=1, le=PAGE_SIZE)] = PAGE_SIZE,
) -> Response:
    """The first lines of the list alone, for a list that is open."""
    statement = glance.jobs(visitor.project_id, [state] if state else [])
    found, steps, _ = await glance.job_page(db, statement, None, limit)
    return part("job_rows.html", visitor, jobs=[job_row(job, steps[job.id]) for job in found])


@router.get("/{job_id}")
async def one(request: Request, job_id: str, visitor: Looking, parts: Parts) -> Response:
    """A job: its steps while it runs, then the proof."""
    return page(request, "job.html", visitor, **await job_page(parts, visitor, job_id))


@router.get("/{job_id}/live")
async def live(request: Request, job_id: str, visitor: Looking, parts: Parts) -> Response:
    """The job's steps as server-sent events, a new one whenever something happened."""
    await shown(parts, visitor.project_id, job_id)
    stream = told(parts, visitor.project_id, job_id, still(request, parts))
    return EventResponse(stream, HEADERS, parts.streams.place(visitor.project_id))


@router.post("/{job_id}/cancel")
async def cancel_job(job_id: str, posted: Writing, parts: Parts) -> Response:
    """End a job, and show it."""
    async with parts.writing() as session:
        await cancel(session, posted.visitor.caller, job_id)
    return RedirectResponse(f"/jobs/{job_id}", HTTPStatus.SEE_OTHER)


@router.post("/{job_id}/retry")
async def retry_job(job_id: str, posted: Writing, parts: Parts) -> Response:
    """Queue a finished job's spec again, and show the new job."""
    async with parts.writing() as session:
        await jobs.find(session, posted.visitor.project_id, job_id)
        made = await retry(session, posted.visitor.caller, job_id, parts.settings.limits)
        new_id = made.id
    return RedirectResponse(f"/jobs/{new_id}", HTTPStatus.SEE_OTHER)
