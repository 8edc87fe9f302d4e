"""Prepared answers as responses."""

from http import HTTPStatus

from fastapi import Response

from app.follow.prepared import PreparedJob
from app.http.download import matches

POLL_AGAIN_S = 2
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
