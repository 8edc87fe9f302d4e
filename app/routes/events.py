"""A job's feed: pages of JSON, or server-sent events."""

from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response

from app.auth import Reader, still
from app.follow import reading
from app.follow.event_response import SSE
from app.follow.responses import event_number, event_stream, json_response
from app.http.deps import Parts
from app.http.problems import refusals
from lathe.errors import Malformed, Missing, TooManyStreams
from lathe.views import EventView, Page

router = APIRouter(prefix="/v1", tags=["jobs"])
DEFAULT_LIMIT = 100


@router.get(
    "/jobs/{job_id}/events",
    operation_id="list_events",
    response_model=Page[EventView],
    responses={
        200: {"content": {SSE: {}}, "description": "As `Accept` asks"},
        204: {"description": "Server-sent events: the job has ended and all was sent"},
        **refusals(Missing, Malformed, TooManyStreams),
    },
)
async def list_events(
    job_id: str,
    caller: Reader,
    parts: Parts,
    request: Request,
    after: Annotated[int, Query(ge=0, lt=10**18, description="Begin behind this number.")] = 0,
    limit: Annotated[int, Query(ge=1, le=1000, description="Of a page.")] = DEFAULT_LIMIT,
    last_event_id: Annotated[
        str | None,
        Header(alias="Last-Event-ID", description="Of a stream: begin behind this number."),
    ] = None,
) -> Response:
    """What happened, oldest first. `Accept: text/event-stream` stays open until the end."""
    if SSE not in request.headers.get("accept", ""):
        page = await reading.events(parts, caller.project_id, job_id, after, limit)
        return json_response(page)
    behind = after if last_event_id is None else event_number(last_event_id)
    listens = still(request, parts)
    return await event_stream(parts, caller.project_id, job_id, behind, listens)
