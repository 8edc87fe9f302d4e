"""The OpenTelemetry SDK, set up to send spans over OTLP/HTTP; loaded where traces are on."""

import logging
import os
import socket
from dataclasses import dataclass

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

from app.store.traces.bounded import Bounded
from app.store.traces.chosen import chosen
from lathe import __version__

_TIMEOUT_S = 5.0  # of one batch, its repeats included


class _Ids(RandomIdGenerator):
    def generate_span_id(self) -> int:
        return chosen() or super().generate_span_id()


@dataclass(frozen=True, slots=True)
class Exporting:
    """The SDK's provider, and what stands between it and the collector."""

    provider: TracerProvider
    queue: Bounded


def exporting(url: str, service: str, share: float) -> Exporting:
    """Spans of this process to the collector at `url`; `share` of the traces that begin here.

    The SDK reads OTEL_EXPORTER_OTLP_HEADERS and OTEL_RESOURCE_ATTRIBUTES by itself.
    """
    logging.getLogger("opentelemetry.exporter").setLevel(logging.CRITICAL)  # `Bounded` tells
    endpoint = f"{url.rstrip('/')}/v1/traces"
    queue = Bounded(OTLPSpanExporter(endpoint=endpoint, timeout=_TIMEOUT_S))
    provider = TracerProvider(
        sampler=ParentBased(TraceIdRatioBased(share)),
        resource=Resource.create(
            {
                "service.name": service,
                "service.version": __version__,
                "service.instance.id": f"{socket.gethostname()}:{os.getpid()}",
            }
        ),
        id_generator=_Ids(),
        shutdown_on_exit=False,
    )
    provider.add_span_processor(queue)
    return Exporting(provider, queue)
