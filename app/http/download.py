"""Sending a stored object: ranges, validators and digest (RFC 9110, RFC 9530)."""

import base64
import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.responses import StreamingResponse

from app.http.problems import answer, refusals
from app.store.blobs.objects import Objects
from app.store.rows import Blob
from lathe.errors import RangeNotSatisfiable, Refused, Unavailable

PAGE_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"
)
_RANGE = re.compile(r"bytes=(\d{0,19})-(\d{0,19})")
_UNQUOTED = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True)
class File:
    """An object and how it is to be presented."""

    blob: Blob
    name: str
    media_type: str
    inline: bool = False


def file_answers(
    media_type: str, *kinds: type[Refused], whole: dict[str, Any] | None = None
) -> dict[int | str, dict[str, Any]]:
    """What a route that sends a file may answer, for its OpenAPI entry; `whole` is said of the
    whole file, a range of which has no other form than bytes of its media type."""
    content: dict[str, Any] = {media_type: {}}
    return {
        200: {"content": content, "description": "The file", **(whole or {})},
        206: {"content": content, "description": "The range that `Range` asks for"},
        304: {"description": "The file is the one that `If-None-Match` names"},
        **refusals(*kinds, RangeNotSatisfiable, Unavailable),
    }


async def send(request: Request, objects: Objects, file: File) -> Response:
    """The whole object, one range of it, or 304; for HEAD the headers alone.

    Several ranges in one request are answered with the whole object, as RFC 9110 section
    14.2 allows.
    """
    size, etag = file.blob.size_bytes, f'"{file.blob.sha256}"'
    headers = _headers(file, etag)
    if matches(request.headers.get("if-none-match"), etag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    span = _span(request, size, etag)
    if span is not None and span[0] >= span[1]:
        refusal = RangeNotSatisfiable(f"the file has {size} bytes; ask for less")
        return answer(request, refusal, headers={"Content-Range": f"bytes */{size}"})
    start, end = span or (0, size)
    headers["Content-Length"] = str(end - start)
    status = HTTPStatus.OK
    if span is not None:
        status = HTTPStatus.PARTIAL_CONTENT
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers, media_type=file.media_type)
    windows = await objects.read(file.blob.key, start, end - start)
    return StreamingResponse(windows, status, headers, file.media_type)


def matches(if_none_match: str | None, etag: str) -> bool:
    """Whether a client's `If-None-Match` already has this version (weak comparison)."""
    if if_none_match is None:
        return False
    held = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return etag in held or held == ["*"]


def _headers(file: File, etag: str) -> dict[str, str]:
    digest = base64.b64encode(bytes.fromhex(file.blob.sha256)).decode()
    ascii_name = _UNQUOTED.sub("_", file.name)
    headers = {
        "ETag": etag,
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",
        "Repr-Digest": f"sha-256=:{digest}:",
        "Content-Disposition": f"{'inline' if file.inline else 'attachment'}; "
        f"filename=\"{ascii_name}\"; filename*=UTF-8''{quote(file.name, safe='')}",
        "X-Content-Type-Options": "nosniff",
    }
    if file.media_type.startswith("text/html"):
        headers["Content-Security-Policy"] = PAGE_POLICY
    return headers


def _span(request: Request, size: int, etag: str) -> tuple[int, int] | None:
    """The half-open range asked for, empty when it cannot be met; None for the whole."""
    match = _RANGE.fullmatch(request.headers.get("range", "").replace(" ", ""))
    if match is None or match[0] == "bytes=-":
        return None
    if request.headers.get("if-range", etag) != etag:
        return None
    first, last = match[1], match[2]
    if not first:  # the last so many bytes
        return max(0, size - int(last)), size
    end = min(int(last) + 1, size) if last else size
    if last and int(last) < int(first):
        return None  # not a range at all, so it is ignored
    return int(first), end
