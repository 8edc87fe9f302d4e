"""What tus 1.0 asks of every request and answer (https://tus.io/protocols/resumable-upload).

The protocol's own words live here; what an upload is does not.
"""

import base64
import re
from datetime import datetime
from email.utils import format_datetime

from fastapi import Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lathe.errors import Malformed, WrongMediaType, WrongProtocol

VERSION = "1.0.0"
MEDIA_TYPE = "application/offset+octet-stream"
EXTENSIONS = "creation,expiration,termination"
PREFIX = "/v1/uploads"
_MOST_METADATA = 4000
_OVERRIDDEN = frozenset({"PATCH", "DELETE", "HEAD"})
_KEY = re.compile(r"[!-+.-~-]{1,100}")  # printable, without a comma and a blank
_NUMBER = re.compile(r"[0-9]{1,18}")
MOST_BYTES = 10**18 - 1


class Tus:
    """ASGI middleware for the addresses below /v1/uploads: every answer, a refusal too, says
    the version, and `X-HTTP-Method-Override` is taken for the method."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http" or not scope["path"].startswith(PREFIX):
            await self._app(scope, receive, send)
            return
        meant = Headers(scope=scope).get("x-http-method-override", "").upper()
        if scope["method"] == "POST" and meant in _OVERRIDDEN:
            scope = {**scope, "method": meant}

        async def with_version(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Tus-Resumable"] = headers["Tus-Version"] = VERSION
            await send(message)

        await self._app(scope, receive, with_version)


def speaks_it(request: Request) -> None:
    """Raise WrongProtocol unless the request is of this version."""
    if request.headers.get("tus-resumable") != VERSION:
        raise WrongProtocol(f"send the header Tus-Resumable: {VERSION}", param="Tus-Resumable")


def number(request: Request, header: str) -> int:
    """A count of bytes in a header; raises Malformed."""
    text = request.headers.get(header, "")
    if not _NUMBER.fullmatch(text):
        raise Malformed(f"send the header {header} with a number of bytes", param=header)
    return int(text)


def check_media_type(request: Request) -> None:
    """Raise WrongMediaType unless the body is what a PATCH carries."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != MEDIA_TYPE:
        raise WrongMediaType(
            f"send the bytes with Content-Type: {MEDIA_TYPE}", param="Content-Type"
        )


def metadata(request: Request) -> dict[str, str]:
    """The pairs of `Upload-Metadata`; raises Malformed."""
    field = request.headers.get("upload-metadata", "")
    if len(field) > _MOST_METADATA:
        raise _bad_metadata(f"is over {_MOST_METADATA} characters; send fewer pairs")
    pairs = {}
    for pair in filter(None, (each.strip() for each in field.split(","))):
        key, _, value = pair.partition(" ")
        if not _KEY.fullmatch(key):
            raise _bad_metadata("takes pairs `key base64` with commas between")
        try:
            pairs[key] = base64.b64decode(value, validate=True).decode()
        except ValueError:  # no ASCII, no base64, no UTF-8
            raise _bad_metadata(f"takes base64 of UTF-8 as the value of {key!r}") from None
    return pairs


def moment(at: datetime) -> str:
    """As `Upload-Expires` writes it (RFC 9110 section 5.6.7)."""
    return format_datetime(at, usegmt=True)


def _bad_metadata(why: str) -> Malformed:
    return Malformed(f"the header Upload-Metadata {why}", param="Upload-Metadata")
