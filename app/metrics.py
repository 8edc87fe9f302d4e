"""Numbers for Prometheus: requests by route, jobs by state and queue.

Each process counts its own requests; the job counts come from the database at each scrape.
"""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


class Metrics:
    """One registry, so that two apps in one process do not add up."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "lathe_http_requests_total",
            "Answered requests",
            ("method", "route", "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "lathe_http_request_seconds",
            "Time until the answer was complete",
            ("method", "route"),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._jobs = Gauge(
            "lathe_jobs", "Jobs as they stand", ("state", "queue"), registry=self._registry
        )

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request under its route's template."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)

    def text(self, jobs: Iterable[tuple[str, str, int]]) -> bytes:
        """The exposition text; `jobs` is (state, queue, count)."""
        self._jobs.clear()
        for state, queue, count in jobs:
            self._jobs.labels(state, queue).set(count)
        return generate_latest(self._registry)
