"""The span of one attempt at a job, known by anybody who knows the job and the attempt.

Whoever runs the attempt tells it at its end; where that worker was killed the sweep does, and
what the worker had told of its stages hangs below it all the same.
"""

import hashlib
from collections.abc import Mapping

from opentelemetry.trace import Span, SpanKind, Tracer
from opentelemetry.util.types import AttributeValue

from app.store.queue import Fence
from app.store.traces.carried import parent_of
from app.store.traces.chosen import chosen_span_id
from lathe.states import JobKind, Queue


def attempt_span(
    tracer: Tracer,
    fence: Fence,
    traceparent: str | None,
    *,
    queue: Queue,
    kind: JobKind,
    project_id: str,
    began_ns: int,
) -> Span:
    """Begin it below the request that made the job."""
    attributes: Mapping[str, AttributeValue] = {
        "messaging.system": "lathe",
        "messaging.operation.name": "attempt",
        "messaging.operation.type": "process",
        "messaging.destination.name": queue.value,
        "lathe.job.id": fence.job_id,
        "lathe.job.kind": kind.value,
        "lathe.attempt": fence.attempt,
        "lathe.project.id": project_id,
    }
    name = f"{fence.job_id}/{fence.attempt}".encode()
    with chosen_span_id(int.from_bytes(hashlib.sha256(name).digest()[:8]) or 1):
        return tracer.start_span(
            f"attempt {queue.value}",
            context=parent_of(traceparent),
            kind=SpanKind.CONSUMER,
            attributes=attributes,
            start_time=began_ns,
        )
