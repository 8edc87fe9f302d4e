"""The reads that clients repeat, answered before the router looks at them.

A hot route stands in front of an ordinary route of the same path and gives the same answer
with a fifth of the work: no dependencies, no validation, no view. It takes a request only
when nothing about it is unusual: a GET without options, by a key that was verified a moment
ago. Everything else goes on to the ordinary route, which also documents and tests the answer.

What both do is in `app.follow.reading`. Problems, request ids, log lines and metrics are made
around both alike.
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from fastapi import Response
from starlette.datastructures import URLPath
from starlette.routing import BaseRoute, Match, NoMatchFound
from starlette.types import Receive, Scope, Send

from app.auth import allows
from app.follow import reading
from app.follow.event_response import SSE
from app.follow.responses import (
    event_number,
    event_stream,
    job_response,
    json_response,
)
from app.http.edge import REST
from app.routes.events import DEFAULT_LIMIT
from app.services import Services

_BEARER = b"bearer "
_TAKEN = "hot"  # key of the scope


@dataclass(frozen=True, slots=True)
class Asked:
    """What a hot route needs of a request."""

    parts: Services
    project_id: str
    printable: str
    job_id: str
    query: re.Match[bytes]
    headers: dict[bytes, bytes]


Answer = Callable[[Asked], Awaitable[Response]]


class HotRoute(BaseRoute):
    """One GET of a job. `query` is the only form of the query that is taken."""

    def __init__(self, path: str, answer: Answer, *, query: bytes = b"") -> None:
        self.path = path
        self._pattern = re.compile(path.replace("{job_id}", r"(\w{1,40})"), re.ASCII)
        self._query = re.compile(query)
        self._answer = answer

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """FULL for a plain request by a key that is known, otherwise NONE."""
        if scope["type"] != "http" or scope["method"] != "GET":
            return Match.NONE, {}
        found = self._pattern.fullmatch(scope["path"])
        query = self._query.fullmatch(scope["query_string"])
        if found is None or query is None:
            return Match.NONE, {}
        headers = dict(scope["headers"])
        parts: Services = scope["app"].state.services
        scheme, printable = _split(headers.get(b"authorization", b""))
        key = parts.keys.recent(printable) if scheme == _BEARER else None
        if key is None or not allows(key.scopes, "read"):
            return Match.NONE, {}
        scope["state"]["project_id"] = key.project_id
        asked = Asked(parts, key.project_id, printable, found[1], query, headers)
        return Match.FULL, {
            "route": self,
            "path_params": {"job_id": found[1]},
            _TAKEN: asked,
        }

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer; what is raised becomes a problem further out, as for any route."""
        asked: Asked = scope[_TAKEN]
        rates = asked.parts.rates
        scope["state"][REST] = partial(rates.fields, "reads", asked.project_id)
        if not rates.admits("reads", asked.project_id):
            await rates.take("reads", asked.project_id)
        response = await self._answer(asked)
        await response(scope, receive, send)

    def url_path_for(self, name: str, /, **path_params: object) -> URLPath:
        """The ordinary route has the name."""
        raise NoMatchFound(name, path_params)


async def _job(asked: Asked) -> Response:
    job = await reading.job(asked.parts, asked.project_id, asked.job_id)
    held = asked.headers.get(b"if-none-match")
    return job_response(job, None if held is None else held.decode("latin-1"))


async def _events(asked: Asked) -> Response:
    after = int(asked.query[1] or 0)
    if SSE.encode() in asked.headers.get(b"accept", b""):
        seen = asked.headers.get(b"last-event-id")
        after = after if seen is None else event_number(seen.decode("latin-1"))
        still = partial(asked.parts.keys.trusted, asked.printable)
        return await event_stream(asked.parts, asked.project_id, asked.job_id, after, still)
    body = await reading.events(
        asked.parts, asked.project_id, asked.job_id, after, DEFAULT_LIMIT
    )
    return json_response(body)


def _split(authorization: bytes) -> tuple[bytes, str]:
    return authorization[: len(_BEARER)].lower(), authorization[len(_BEARER) :].decode(
        "latin-1"
    )


HOT_ROUTES = (
    HotRoute("/v1/jobs/{job_id}", _job),
    HotRoute("/v1/jobs/{job_id}/events", _events, query=rb"(?:after=(\d{1,9}))?"),
)
