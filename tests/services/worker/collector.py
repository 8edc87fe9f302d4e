"""A stand-in for an OpenTelemetry collector: takes OTLP/HTTP on 127.0.0.1 and keeps spans."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

_WITHIN_S = 60.0
_FAILED = 2  # STATUS_CODE_ERROR


@dataclass(frozen=True)
class Told:
    """One span, ids in hex."""

    service: str
    name: str
    trace: str
    id: str
    parent: str
    began_ns: int
    ended_ns: int
    failed: bool
    attributes: dict[str, str | int]
    links: tuple[str, ...]

    @property
    def seconds(self) -> float:
        return (self.ended_ns - self.began_ns) / 1e9


@dataclass
class Collector:
    """`spans` in the order of their coming."""

    url: str
    spans: list[Told] = field(default_factory=list)
    paths: set[str] = field(default_factory=set)
    authorizations: set[str | None] = field(default_factory=set)
    resources: list[dict[str, str | int]] = field(default_factory=list)

    def of(self, trace: str) -> list[Told]:
        """The spans of one trace, by their beginning."""
        return sorted(
            (span for span in self.spans if span.trace == trace), key=lambda s: s.began_ns
        )

    def until(
        self, name: str, count: int = 1, of: dict[str, str | int] | None = None
    ) -> list[Told]:
        """The spans of that name and `of` those attributes, once there are so many."""
        deadline, wanted = time.monotonic() + _WITHIN_S, (of or {}).items()
        while True:
            named = (span for span in self.spans if span.name == name)
            found = [span for span in named if wanted <= span.attributes.items()]
            if len(found) >= count:
                break
            assert time.monotonic() < deadline, sorted(span.name for span in self.spans)
            time.sleep(0.05)
        return sorted(found, key=lambda span: span.began_ns)


@contextmanager
def collector() -> Iterator[Collector]:
    """One until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            one.paths.add(self.path)
            one.authorizations.add(self.headers["Authorization"])
            request = ExportTraceServiceRequest.FromString(body)
            one.resources += [
                _values(each.resource.attributes) for each in request.resource_spans
            ]
            one.spans += _spans(request)
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    one = Collector(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield one
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _spans(request: ExportTraceServiceRequest) -> Iterator[Told]:
    for of_process in request.resource_spans:
        service = str(_values(of_process.resource.attributes)["service.name"])
        for scope in of_process.scope_spans:
            for span in scope.spans:
                yield Told(
                    service=service,
                    name=span.name,
                    trace=span.trace_id.hex(),
                    id=span.span_id.hex(),
                    parent=span.parent_span_id.hex(),
                    began_ns=span.start_time_unix_nano,
                    ended_ns=span.end_time_unix_nano,
                    failed=span.status.code == _FAILED,
                    attributes=_values(span.attributes),
                    links=tuple(link.trace_id.hex() for link in span.links),
                )


def _values(attributes: "Iterator[KeyValue] | object") -> dict[str, str | int]:
    return {
        pair.key: getattr(pair.value, pair.value.WhichOneof("value"))
        for pair in attributes  # type: ignore[attr-defined]
    }
