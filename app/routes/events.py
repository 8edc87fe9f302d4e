"""A job's feed: pages of JSON, or server-sent events."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import StreamingResponse

from app.auth import Reader
from app.follow import reading
from app.follow.events import over, stream
from app.follow.responses import json_response
from app.http.deps import Parts
from app.http.problems import refusals
from lathe.errors import Malformed, Missing
from lathe.views import EventView, Page

router = APIRouter(prefix="/v1", tags=["jobs"])
SSE = "text/event-stream"
DEFAULT_LIMIT = 100


@router.get(
    "/jobs/{job_id}/events",
    operation_id="list_events",
    response_model=Page[EventView],
    responses={
        200: {"content": {SSE: {}}, "description": "As `Accept` asks"},
        204: {"description": "Server-sent events: the job has ended and all was sent"},
        **refusals(Missing, Malformed),
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
    if last_event_id is not None:
        after = _number(last_event_id)
    if await over(parts, caller.project_id, job_id, after):
        return Response(status_code=HTTPStatus.NO_CONTENT)  # stops a browser's reconnecting
    headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
    told = stream(parts, caller.project_id, job_id, after)
    return StreamingResponse(told, headers=headers, media_type=SSE)


def _number(last_event_id: str) -> int:
    if not last_event_id.isdecimal() or len(last_event_id) > 18:  # noqa: PLR2004 - a bigint
        raise Malformed("send back the id of an event of this job", param="Last-Event-ID")
    return int(last_event_id)
