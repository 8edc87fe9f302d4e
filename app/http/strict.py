"""JSON in which no name stands twice, and every character is whole.

Of two values with one name, readers take the first or the last: what checks a request on its
way here would have seen another one (RFC 8259, section 4). Half of a surrogate pair is text to
some readers and none to others (section 8.2), and can be neither stored nor repeated.
"""

import json
import re
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

_HALF = re.compile(rb"\\u[dD][89a-fA-F]")  # of a pair, as JSON escapes what is beyond U+FFFF


class _TwiceError(Exception):
    """This name stands twice in one object."""


def parsed(text: bytes) -> Any:
    """The value of a JSON text; raises what `json.loads` raises."""
    try:
        value = json.loads(text, object_pairs_hook=_object)
    except _TwiceError as twice:
        (name,) = twice.args
        place = text.rfind(json.dumps(name).encode())
        raise json.JSONDecodeError(
            f"the name {name[:100]!r} stands twice in one object; leave one of them out",
            text.decode(),
            max(0, place),
        ) from None
    if half := _HALF.search(text):
        _check_whole(value, text, half.start())
    return value


class StrictRequest(Request):
    """A request whose JSON is read so."""

    async def json(self) -> Any:
        """The body, read once."""
        if not hasattr(self, "_json"):
            self._json = parsed(await self.body())
        return self._json


class StrictRoute(APIRoute):
    """A route whose body is read so."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler, given a strict request."""
        handler = super().get_route_handler()

        async def strict(request: Request) -> Response:
            return await handler(StrictRequest(request.scope, request.receive))

        return strict


def _check_whole(value: Any, text: bytes, first: int) -> None:
    """Raise where a text in `value` is not of whole characters, which no UTF-8 can hold."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        half = ord(error.object[error.start])
        place = text.lower().find(f"\\u{half:04x}".encode())
        raise json.JSONDecodeError(
            f"there is half of a character, U+{half:04X}; write both halves, or leave it out",
            text.decode(),
            max(first, place),
        ) from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise _TwiceError(name)
        found[name] = value
    return found
