"""The span of a request, where traces are on and the request is to be traced.

Requests that change something are; of those that only read, the share that the settings name.
A caller's `traceparent` decides nothing by itself: it is a link beside a trace of our own, so
that a stranger neither fills the collector nor chooses what a trace looks like. An installation
that only its operator's own programs reach can go on with the caller's trace instead.
"""

import random
import re

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanKind, StatusCode
from starlette.types import Scope

from app.settings import Settings
from app.store.traces import Tracing, parent_of

_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_ID = re.compile(r"\w{1,40}", re.ASCII)
_FAILED = 500


class RequestSpans:
    """Begins and ends them."""

    def __init__(self, tracing: Tracing, reads_share: float, *, join: bool) -> None:
        self._tracer = tracing.tracer
        self._join = join
        self._reads_share = reads_share

    @classmethod
    def of(cls, settings: Settings, tracing: Tracing) -> "RequestSpans | None":
        """None where nobody is told."""
        if not tracing.on:
            return None
        return cls(tracing, settings.traces_reads_share, join=settings.traces_join)

    def begin(self, scope: Scope, method: str, request_id: str) -> Span | None:
        """None for a read that is not drawn."""
        theirs = parent_of(_header(scope))
        caller = trace.get_current_span(theirs).get_span_context()
        joined = self._join and caller.is_valid
        if method in _READING and not self._drawn(asked=joined and caller.trace_flags.sampled):
            return None
        return self._tracer.start_span(
            method,
            context=theirs if joined else Context(),
            kind=SpanKind.SERVER,
            links=[Link(caller)] if caller.is_valid and not joined else [],
            attributes={
                "http.request.method": "_OTHER" if method == "OTHER" else method,
                "url.scheme": scope.get("scheme", "http"),
                "lathe.request.id": request_id,
            },
        )

    def _drawn(self, *, asked: bool) -> bool:
        return asked or random.random() < self._reads_share  # noqa: S311 - no secret


def end(span: Span, scope: Scope, method: str, route: str, status: int) -> None:
    """Say how the request went."""
    span.update_name(f"{method} {route}")
    span.set_attribute("http.route", route)
    span.set_attribute("http.response.status_code", status)
    project_id = scope["state"].get("project_id")
    if project_id is not None:
        span.set_attribute("lathe.project.id", project_id)
    for name, value in scope.get("path_params", {}).items():
        if isinstance(value, str) and _ID.fullmatch(value):
            span.set_attribute(f"lathe.{name.removesuffix('_id')}.id", value)
    if status >= _FAILED:
        span.set_attribute("error.type", str(status))
        span.set_status(StatusCode.ERROR)
    span.end()


def trace_id(span: Span) -> dict[str, str]:
    """For log lines, as collectors show it; nothing of a trace that nobody is told of."""
    context = span.get_span_context()
    return {"trace_id": f"{context.trace_id:032x}"} if context.trace_flags.sampled else {}


def _header(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == b"traceparent":
            return str(value.decode("latin-1"))
    return None
