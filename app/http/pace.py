"""A body comes at some pace, or its request is ended.

No wait for its next bytes is longer than `idle_s`, and all waits together are no longer than
that and a second for every `slowest` bytes that have come. Only waiting counts: what the
service itself takes to store them is nobody's fault.
"""

import asyncio
import time
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Pace:
    """ASGI middleware; what it raises is an HTTPException, as in `app.http.body_limit`."""

    def __init__(self, app: ASGIApp, idle_s: float, slowest: int) -> None:
        self._app = app
        self._idle_s = idle_s
        self._slowest = slowest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with a `receive` that does not wait for ever."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        left_s, coming = self._idle_s, True

        async def paced() -> Message:
            nonlocal left_s, coming
            if not coming:  # what is awaited now is the client's leaving
                return await receive()
            began = time.monotonic()
            try:
                async with asyncio.timeout(min(self._idle_s, left_s)):
                    message = await receive()
            except TimeoutError:
                raise HTTPException(HTTPStatus.REQUEST_TIMEOUT) from None
            left_s += len(message.get("body", b"")) / self._slowest
            left_s = max(0.0, left_s - (time.monotonic() - began))
            coming = message["type"] == "http.request" and message.get("more_body", False)
            return message

        await self._app(scope, paced, send)
