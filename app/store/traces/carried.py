"""A place in a trace as the text that travels: `00-<trace>-<span>-<flags>`.

W3C Trace Context. Its companion `tracestate` is not carried on.
"""

from opentelemetry.context import Context
from opentelemetry.trace import Span, get_current_span, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_W3C = TraceContextTextMapPropagator()
_HEADER = "traceparent"
LENGTH = 55


def parent_of(traceparent: str | None) -> Context:
    """The context below that place; an empty one where there is none, or no such thing."""
    carrier = {} if traceparent is None else {_HEADER: traceparent}
    return _W3C.extract(carrier, context=Context())


def traceparent_of(span: Span) -> str | None:
    """Where that span is; None of one that is not in a trace."""
    carrier: dict[str, str] = {}
    _W3C.inject(carrier, context=set_span_in_context(span, Context()))
    return carrier.get(_HEADER)


def here() -> str | None:
    """Where what runs now is, such as the request that makes a job."""
    return traceparent_of(get_current_span())
