"""A try to deliver, as a span below the request that made the job the message is about."""

from urllib.parse import urlsplit

from opentelemetry.trace import SpanKind, StatusCode, Tracer

from app.store.outbound import Allowed
from app.store.outbox import Answered, Parcel
from app.store.traces import parent_of
from worker.outbound.guard import Guard
from worker.outbound.tell import tell


async def traced(
    tracer: Tracer, parcel: Parcel, guard: Guard, allowed: Allowed, timeout_s: float
) -> Answered:
    """As `tell`. Of the address the host alone is told: its path may hold a secret."""
    if parcel.traceparent is None:
        return await tell(parcel, guard, allowed, timeout_s)
    span = tracer.start_span(
        f"webhook {parcel.event}",
        context=parent_of(parcel.traceparent),
        kind=SpanKind.CLIENT,
        attributes={
            "http.request.method": "POST",
            "http.request.resend_count": parcel.attempt - 1,
            "server.address": urlsplit(parcel.url).hostname or "",
            "lathe.delivery.id": parcel.id,
            "lathe.project.id": parcel.project_id,
        },
    )
    answered = await tell(parcel, guard, allowed, timeout_s)
    if answered.status is not None:
        span.set_attribute("http.response.status_code", answered.status)
    if answered.error is not None:
        span.set_attribute("error.type", str(answered.status or "no_answer"))
        span.set_status(StatusCode.ERROR)
    span.end()
    return answered
