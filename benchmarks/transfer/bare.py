"""What the service's transfers are compared with: nothing but the bytes, under the same server.

    PUT /plain/<name>   hash (SHA-256) and write what comes into a new file, then answer
    PUT /safe/<name>    the same, and on the disk (fsync) before the answer
    GET /<name>         Starlette's FileResponse with chunks of 1 MiB

Files lie in the folder that BARE_FOLDER names.
"""

import hashlib
import os
from http import HTTPStatus
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse
from starlette.types import Receive, Scope, Send

FOLDER = Path(os.environ["BARE_FOLDER"])


class Whole(FileResponse):
    """A file in chunks of 1 MiB; the class's own 64 KiB are half as fast."""

    chunk_size = 1 << 20


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """An ASGI application without a framework."""
    if scope["type"] != "http":  # the server's lifespan protocol is optional
        return
    *how, name = scope["path"].strip("/").split("/")
    if scope["method"] == "GET":
        await Whole(FOLDER / name)(scope, receive, send)
        return
    digest = hashlib.sha256()
    with (FOLDER / name).open("xb", buffering=0) as file:
        async for chunk in Request(scope, receive).stream():
            digest.update(chunk)
            file.write(chunk)
        if how == ["safe"]:
            os.fsync(file.fileno())
    answer = PlainTextResponse(digest.hexdigest(), HTTPStatus.CREATED)
    await answer(scope, receive, send)
