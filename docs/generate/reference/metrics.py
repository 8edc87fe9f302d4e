"""metrics.md: what `/metrics` tells Prometheus, from the registry that it is written from."""

from inspect import cleandoc

from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.registry import Collector

import app.metrics
from app.metrics import Metrics
from docs.generate.prose import markdown
from docs.generate.schema import cell, row

WHERE = (
    "`GET /metrics` answers without a key. [Monitoring](../operations/monitoring.md) says what "
    "to look at, and which alerts are made of it."
)


class _Recording(CollectorRegistry):
    """Remembers what was registered, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[MetricWrapperBase] = []

    def register(self, collector: Collector) -> None:
        super().register(collector)
        if isinstance(collector, MetricWrapperBase):
            self.seen.append(collector)


def page() -> str:
    """Markdown of every metric."""
    lines = [row(["metric", "type", "labels", "what it says"]), "|---|---|---|---|"]
    for collector in registered():
        (told,) = collector.describe()
        labels = ", ".join(f"`{name}`" for name in collector._labelnames)  # noqa: SLF001
        name = told.name + ("_total" if told.type == "counter" else "")
        lines.append(row([f"`{name}`", told.type, labels, cell(told.documentation)]))
    introduction = markdown(cleandoc(app.metrics.__doc__ or ""))
    return "\n\n".join(["# Metrics", introduction, WHERE, "\n".join(lines)]) + "\n"


def registered() -> list[MetricWrapperBase]:
    """What a process of the API registers."""
    registry = _Recording()
    Metrics(registry)
    return registry.seen
