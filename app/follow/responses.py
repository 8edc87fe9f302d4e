"""Prepared answers as responses."""

from http import HTTPStatus

from fastapi import Response

from app.follow.event_response import EventResponse
from app.follow.events import Still, over, stream
from app.follow.prepared import PreparedJob
from app.http.download import matches
from app.services import Services
from lathe.errors import Malformed

POLL_AGAIN_S = 2
_LONGEST_NUMBER = 18  # digits of a bigint
_JSON = "application/json"


def job_response(job: PreparedJob, if_none_match: str | None) -> Response:
    """The job with its ETag, or 304 where the client holds this version."""
    headers = {"ETag": job.etag, "Cache-Control": "private, no-cache"}
    if not job.finished:
        headers["Retry-After"] = str(POLL_AGAIN_S)
    if matches(if_none_match, job.etag.removeprefix("W/")):  # weak comparison
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(job.body, headers=headers, media_type=_JSON)


def json_response(body: bytes) -> Response:
    """JSON that is bytes already."""
    return Response(body, media_type=_JSON)


async def event_stream(
    parts: Services, project_id: str, job_id: str, after: int, still: Still
) -> Response:
    """The job's events behind number `after` as they come, or 204 where there will be none,
    which stops a browser's reconnecting; raises Missing, and when sent TooManyStreams.
    They end when the client may not `still` hear them."""
    if await over(parts, project_id, job_id, after):
        return Response(status_code=HTTPStatus.NO_CONTENT)
    told = stream(parts, project_id, job_id, after, still)
    place = parts.streams.place(project_id)
    return EventResponse(told, {"Cache-Control": "no-cache"}, place)


def event_number(last_event_id: str) -> int:
    """What a client that comes back has seen; raises Malformed."""
    if not last_event_id.isdecimal() or len(last_event_id) > _LONGEST_NUMBER:
        raise Malformed("send back the id of an event of this job", param="Last-Event-ID")
    return int(last_event_id)
