"""Which requests have a span, what is told of them, and what a caller's header can do."""

from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import StatusCode
from starlette.types import Receive, Scope, Send
from structlog.contextvars import get_contextvars

from app.http.edge import Edge
from app.http.spans import RequestSpans
from app.metrics import Metrics
from app.store.traces import Tracing
from app.store.traces.carried import here

pytestmark = pytest.mark.anyio
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SAMPLED = f"00-{TRACE}-00f067aa0ba902b7-01"
UNSAMPLED = f"00-{TRACE}-00f067aa0ba902b7-00"


class Door:
    """The edge before an application that answers with `status`."""

    def __init__(self) -> None:
        self.told = InMemorySpanExporter()
        self.status = 202
        self.place: str | None = None  # in a trace, as the application knows it
        self.bound: dict[str, Any] = {}  # to every log line

    async def ask(
        self,
        method: str = "POST",
        header: str | None = None,
        *,
        join: bool = False,
        share: float = 1.0,
        reads: float = 0.0,
    ) -> ReadableSpan | None:
        provider = TracerProvider(
            sampler=ParentBased(TraceIdRatioBased(share)), shutdown_on_exit=False
        )
        provider.add_span_processor(SimpleSpanProcessor(self.told))
        spans = RequestSpans(Tracing(provider.get_tracer("t"), on=True), reads, join=join)
        await Edge(self._answer, Metrics(), spans)(_scope(method, header), _receive, _send)
        told = self.told.get_finished_spans()
        self.told.clear()
        return told[0] if told else None

    async def _answer(self, scope: Scope, _receive: Receive, send: Send) -> None:
        self.place, self.bound = here(), get_contextvars()
        scope["state"]["project_id"] = "prj_a"
        scope["path_params"] = {"job_id": "job_1", "odd": "not/an id"}
        await send({"type": "http.response.start", "status": self.status, "headers": []})
        await send({"type": "http.response.body", "body": b""})


def _scope(method: str, header: str | None) -> dict[str, Any]:
    headers = [(b"x-request-id", b"req_7"), (b"authorization", b"Bearer lt_1_hush")]
    headers += [] if header is None else [(b"traceparent", header.encode())]
    path = "/v1/jobs/job_1/retry"
    return {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": b"token=hush",
        "scheme": "https",
        "headers": headers,
    }


async def _receive() -> Any:
    return {"type": "http.disconnect"}


async def _send(_message: Any) -> None:
    pass


def sampled(traceparent: str | None) -> bool:
    assert traceparent is not None
    return bool(int(traceparent[-2:], 16) & 1)


@pytest.fixture
def door() -> Door:
    return Door()


async def test_what_changes_something_has_a_span_whose_place_the_request_knows(
    door: Door,
) -> None:
    span = await door.ask()
    assert span is not None
    assert span.name == "POST unknown"
    assert span.parent is None
    assert span.attributes == {
        "http.request.method": "POST",
        "http.response.status_code": 202,
        "http.route": "unknown",
        "lathe.job.id": "job_1",
        "lathe.project.id": "prj_a",
        "lathe.request.id": "req_7",
        "url.scheme": "https",
    }
    assert span.status.status_code is StatusCode.UNSET
    assert "hush" not in span.to_json()
    known = door.place or ""
    assert known[:-3] == f"00-{span.context.trace_id:032x}-{span.context.span_id:016x}"
    assert sampled(known)


async def test_a_failure_of_ours_is_an_error_and_a_refusal_is_none(door: Door) -> None:
    door.status = 503
    failed = await door.ask()
    door.status = 422
    refused = await door.ask()
    assert failed is not None
    assert refused is not None
    assert failed.status.status_code is StatusCode.ERROR
    assert (failed.attributes or {})["error.type"] == "503"
    assert refused.status.status_code is StatusCode.UNSET


async def test_a_stranger_neither_forces_nor_chooses_a_trace(door: Door) -> None:
    assert await door.ask(header=SAMPLED, share=0.0) is None
    assert not sampled(door.place)  # so nothing below is told either
    span = await door.ask(header=UNSAMPLED)
    assert span is not None
    assert f"{span.context.trace_id:032x}" != TRACE
    (link,) = span.links
    assert f"{link.context.trace_id:032x}" == TRACE
    assert await door.ask("GET", SAMPLED) is None


async def test_behind_a_gateway_of_ones_own_the_callers_trace_goes_on(door: Door) -> None:
    span = await door.ask(header=SAMPLED, join=True, share=0.0)
    assert span is not None
    assert f"{span.context.trace_id:032x}" == TRACE
    assert span.parent is not None
    assert not span.links
    assert await door.ask(header=UNSAMPLED, join=True) is None
    assert await door.ask("GET", SAMPLED, join=True) is not None


async def test_reads_are_traced_by_their_share(door: Door) -> None:
    assert await door.ask("GET") is None
    assert door.place is None
    assert await door.ask("GET", reads=1.0) is not None


async def test_log_lines_of_a_traced_request_carry_its_trace(door: Door) -> None:
    span = await door.ask()
    assert span is not None
    assert door.bound == {"request_id": "req_7", "trace_id": f"{span.context.trace_id:032x}"}
    await door.ask("GET")
    assert door.bound == {"request_id": "req_7"}
