"""A job's feed: pages of JSON, or server-sent events."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import StreamingResponse

from app import present
from app.auth import Reader
from app.events import read, stream
from app.http.deps import Parts
from app.http.problems import refusals
from app.store import jobs
from lathe.errors import Malformed, Missing
from lathe.views import EventView, Page

router = APIRouter(prefix="/v1", tags=["jobs"])
_SSE = "text/event-stream"


@router.get(
    "/jobs/{job_id}/events",
    operation_id="list_events",
    response_model=Page[EventView],
    responses={
        200: {"content": {_SSE: {}}, "description": "As `Accept` asks"},
        204: {"description": "Server-sent events: the job has ended and all was sent"},
        **refusals(Missing, Malformed),
    },
)
async def list_events(
    job_id: str,
    caller: Reader,
    parts: Parts,
    request: Request,
    after: Annotated[int, Query(ge=0, description="Begin behind this number.")] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    last_event_id: Annotated[str | None, Header(alias="Last-Event-ID")] = None,
) -> Page[EventView] | Response:
    """What happened, oldest first. `Accept: text/event-stream` stays open until the end."""
    async with parts.reading() as session:
        await jobs.find(session, caller.project_id, job_id)
    if _SSE not in request.headers.get("accept", ""):
        rows, _ = await read(parts, job_id, after, limit)
        next_cursor = str(rows[-1].seq) if len(rows) == limit else None
        return Page(items=[present.event(row) for row in rows], next_cursor=next_cursor)
    if last_event_id is not None:
        after = _number(last_event_id)
    rows, ended = await read(parts, job_id, after, 1)
    if ended and not rows:
        return Response(status_code=HTTPStatus.NO_CONTENT)  # stops a browser's reconnecting
    headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
    return StreamingResponse(stream(parts, job_id, after), headers=headers, media_type=_SSE)


def _number(last_event_id: str) -> int:
    if not last_event_id.isdecimal() or len(last_event_id) > 18:  # noqa: PLR2004 - a bigint
        raise Malformed("send back the id of an event of this job", param="Last-Event-ID")
    return int(last_event_id)
