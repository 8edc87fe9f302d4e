"""metrics.md: what `/metrics` tells Prometheus, from the registry that it is written from."""

from collections.abc import Iterable
from inspect import cleandoc

from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.registry import Collector

import app.metrics
from app.metrics import Metrics
from app.store.tallies import COUNTED, TIMED, Counted, Timed
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
        labels = _named(collector._labelnames)  # noqa: SLF001
        name = told.name + ("_total" if told.type == "counter" else "")
        lines.append(row([f"`{name}`", told.type, labels, cell(told.documentation)]))
    lines += [_row(kind, "counter") for kind in COUNTED]
    lines += [_row(kind, "histogram") for kind in TIMED]
    introduction = markdown(cleandoc(app.metrics.__doc__ or ""))
    return "\n\n".join(["# Metrics", introduction, WHERE, "\n".join(lines)]) + "\n"


def _row(kind: Counted | Timed, told_as: str) -> str:
    return row([f"`{kind.name}`", told_as, _named(kind.labels), cell(kind.says)])


def _named(labels: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in labels)


def registered() -> list[MetricWrapperBase]:
    """What a process of the API registers."""
    registry = _Recording()
    Metrics(registry)
    return registry.seen
