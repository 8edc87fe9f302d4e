"""No more of a body is read than the route takes, and only as it is.

FastAPI's own `max_body_size` answers in plain text, and not as a problem.
"""

from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_AS_IT_IS = frozenset({"", "identity"})
LIMIT = "max_body_bytes"  # in the request's state, where a route may raise it before it reads


class BodyLimit:
    """ASGI middleware; a body over the limit is refused before reading when its length is
    announced, else as soon as it is over. One that is packed is refused as well: how large it
    would become nobody has said."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with a `receive` that counts.

        What it raises is an HTTPException, as FastAPI turns any other error of a body's
        reading into 400.
        """
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        state[LIMIT] = self._max_bytes
        headers = Headers(scope=scope)
        packed = headers.get("content-encoding", "").strip().lower() not in _AS_IT_IS
        announced = headers.get("content-length", "")
        length = int(announced) if announced.isdecimal() else 0
        read = 0

        async def counted() -> Message:
            nonlocal read
            if packed:
                raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
            if length > state[LIMIT]:
                raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            message = await receive()
            read += len(message.get("body", b""))
            if read > state[LIMIT]:
                raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            return message

        await self._app(scope, counted, send)
