"""The files that pages refer to: scripts, styles and their licences, all from this folder.

An address carries the file's hash, so a browser may keep the file for ever.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from fastapi import APIRouter, Request, Response

from app.http.download import matches
from lathe.errors import Missing

FOLDER = Path(__file__).parent / "static"
_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
_FOR_EVER = "public, max-age=31536000, immutable"
_HASH_LENGTH = 12

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it is sent."""

    content: bytes
    media_type: str
    sha256: str


def _read() -> dict[str, Asset]:
    found = {}
    for path in sorted(FOLDER.rglob("*")):
        if path.suffix in _TYPES:
            content = path.read_bytes()
            digest = hashlib.sha256(content).hexdigest()
            name = path.relative_to(FOLDER).as_posix()
            found[name] = Asset(content, _TYPES[path.suffix], digest)
    return found


ASSETS = _read()


def address(name: str) -> str:
    """Where a page finds the file; raises KeyError for one that is not there."""
    return f"/static/{name}?{ASSETS[name].sha256[:_HASH_LENGTH]}"


@router.get("/static/{name:path}")
async def asset(name: str, request: Request) -> Response:
    """One of the files, by its name within the folder."""
    found = ASSETS.get(name)
    if found is None:
        raise Missing("there is no such file")
    etag = f'"{found.sha256}"'
    headers = {
        "ETag": etag,
        "Cache-Control": _FOR_EVER if request.url.query else "no-cache",
        "X-Content-Type-Options": "nosniff",
    }
    if matches(request.headers.get("if-none-match"), etag):
        return Response(status_code=304, headers=headers)
    return Response(found.content, headers=headers, media_type=found.media_type)
