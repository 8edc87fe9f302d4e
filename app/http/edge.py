"""The outermost layer of every request: its id, its log line, its numbers, its span."""

import re
import time
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from http import HTTPStatus

import structlog
from opentelemetry.trace import Span, use_span
from sqlalchemy.exc import SQLAlchemyError
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.http.spans import RequestSpans, end, trace_id
from app.http.wording import shortened
from app.logs import log
from app.metrics import Metrics
from app.store.trouble import database_trouble
from lathe import ids
from lathe.errors import Refused

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_QUIET = frozenset({"/healthz", "/readyz", "/metrics"})
_UNTRACED = nullcontext()
REST = "rest"  # in the state of a request: tells the headers of the rate that it was counted to
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Edge:
    """ASGI middleware; `X-Request-ID` is taken from the client where it is a plain word."""

    def __init__(
        self, app: ASGIApp, metrics: Metrics, spans: RequestSpans | None = None
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._spans = spans
        self._log = log("app.request")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and note how it ended."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        status = int(HTTPStatus.INTERNAL_SERVER_ERROR)  # unless an answer starts
        begun = False
        bound, span = {"request_id": request_id}, None
        if self._spans is not None and scope["path"] not in _QUIET:
            span = self._spans.begin(scope, _method(scope), request_id)
            bound |= {} if span is None else trace_id(span)

        async def with_id(message: Message) -> None:
            nonlocal status, begun
            if message["type"] == "http.response.start":
                status, begun = int(message["status"]), True
                message["headers"] = _stamped(scope, message.get("headers", ()), request_id)
            await send(message)

        started = time.perf_counter()
        with structlog.contextvars.bound_contextvars(**bound), _within(span):
            try:
                await self._app(scope, receive, with_id)
            except Exception as error:
                trouble = _trouble(error) if begun else None
                if trouble is None:
                    raise
                # the body stays shorter than announced: the server cuts the connection
                self._log.warning("answer cut off", why=trouble.detail)
            finally:
                self._note(scope, status, time.perf_counter() - started, span)

    def _note(self, scope: Scope, status: int, seconds: float, span: Span | None) -> None:
        route = getattr(scope.get("route"), "path", "unknown")
        method = _method(scope)
        self._metrics.answered(method, route, status, seconds)
        if span is not None:
            end(span, scope, method, route, status)
        if scope["path"] in _QUIET:
            return
        self._log.info(
            "answered",
            method=scope["method"],
            path=shortened(scope["path"]),
            route=route,
            status=status,
            seconds=round(seconds, 4),
            **(_named(scope) | {"project_id": scope["state"].get("project_id")}),
        )


def _within(span: Span | None) -> AbstractContextManager[object]:
    """What the request does knows where it is in the trace, such as the jobs that it makes."""
    if span is None:
        return _UNTRACED
    return use_span(span, record_exception=False, set_status_on_exception=False)


def _method(scope: Scope) -> str:
    return scope["method"] if scope["method"] in _METHODS else "OTHER"


def _trouble(error: BaseException | None) -> Refused | None:
    """What a dependency answered in the middle of a body; None for a bug."""
    while error is not None:
        if isinstance(error, Refused):
            return error
        if isinstance(error, SQLAlchemyError):
            return database_trouble(error)
        error = error.__cause__
    return None


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            return value.decode() if _REQUEST_ID.fullmatch(value) else ids.new("req")
    return ids.new("req")


def _stamped(
    scope: Scope, headers: Iterable[tuple[bytes, bytes]], request_id: str
) -> list[tuple[bytes, bytes]]:
    """A copy with this request's id, which a problem has set already, and with what is left of
    the limit that it was counted to."""
    kept = [(name, value) for name, value in headers if name != b"x-request-id"]
    return [*kept, (b"x-request-id", request_id.encode()), *_rest(scope)]


def _rest(scope: Scope) -> list[tuple[bytes, bytes]]:
    """None for a request that was counted to no project, as that with a wrong key is."""
    told = scope["state"].get(REST)
    return told() if told is not None else []


def _named(scope: Scope) -> dict[str, str]:
    """The ids in the path, such as `job_id` for `/v1/jobs/{job_id}`."""
    return {
        f"{name.removesuffix('_id')}_id": value
        for name, value in scope.get("path_params", {}).items()
    }
