"""Numbers for Prometheus: this process's requests, and how the whole installation stands.

Each process counts its own requests, connections and dropped spans: sum those over all. What
comes from the database at each scrape is the same wherever it is asked: take the maximum of
those. Workers have no port: what they count they write there, in the transaction that makes it
true, so it outlives processes and deleted jobs.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from app.store.census import Census, Ended, Totals, Unfinished
from app.tallied import Tallied
from lathe.errors import told_code

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
_QUEUE = ("queue",)
_ENDED = ("queue", "state", "code")

# name: (what it says, labels); every one is a gauge of the installation
_FROM_DATABASE: dict[str, tuple[str, tuple[str, ...]]] = {
    "lathe_jobs": ("Jobs as they stand; those that ended, a minute ago", ("state", "queue")),
    "lathe_queue_oldest_seconds": ("How long the oldest queued job has waited", _QUEUE),
    "lathe_queue_longest_run_seconds": ("How long the oldest running job has run", _QUEUE),
    "lathe_workers": ("Workers seen within a minute", ("queue", "device")),
    "lathe_worker_slots": ("Jobs that those run at once", ("queue", "device")),
    "lathe_workers_unconfined": (
        "Those of them that lack a wall around their jobs",
        ("queue", "device"),
    ),
    "lathe_recent_jobs": ("Jobs that ended within the last hour", _ENDED),
    "lathe_recent_waited_seconds": ("Mean time that those had waited", _ENDED),
    "lathe_recent_waited_max_seconds": ("Longest time that one of those had waited", _ENDED),
    "lathe_recent_ran_seconds": ("Mean time that those had run", _ENDED),
    "lathe_recent_ran_max_seconds": ("Longest time that one of those had run", _ENDED),
    "lathe_job_lapses": (
        "Leases lost by the jobs that are unfinished or ended within the last hour",
        _QUEUE,
    ),
    "lathe_job_crashes": (
        "Children lost by the jobs that are unfinished or ended within the last hour",
        _QUEUE,
    ),
    "lathe_sweep_rounds": ("Rounds of each living copy of the sweep", ("sweep",)),
    "lathe_sweep_failed_rounds": (
        "Those of them that met a dependency that was away",
        ("sweep",),
    ),
    "lathe_deliveries": (
        "Messages to webhooks that are to be sent, and that died within a month",
        ("state",),
    ),
    "lathe_deliveries_late_seconds": (
        "How long the oldest message that is due waits for somebody to send it",
        (),
    ),
    "lathe_stored_bytes": ("Bytes of all stored objects, at most a minute old", ()),
}


@dataclass(frozen=True, slots=True)
class Pool:
    """The database connections of this process."""

    in_use: int
    limit: int


@dataclass(frozen=True, slots=True)
class Disk:
    """The file system that holds the object folder."""

    free_bytes: int
    size_bytes: int


class Metrics:
    """One registry, so that two apps in one process do not add up."""

    def __init__(
        self,
        registry: CollectorRegistry | None = None,
        take_dropped: Callable[[], Mapping[str, int]] = dict,
    ) -> None:
        """`take_dropped` gives the spans lost since it was asked, by why."""
        self._take_dropped = take_dropped
        self.totals: tuple[float, Totals] | None = None  # and when they were added up
        self._registry = registry or CollectorRegistry()
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
        self._dropped = Counter(
            "lathe_spans_dropped_total",
            "Spans that this process could not tell the collector of traces",
            ("reason",),
            registry=self._registry,
        )
        # looking a child up by its labels takes longer than counting
        self._kept: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._connections = self._gauge(
            "lathe_database_connections", "Database connections in use by this process"
        )
        self._connections_limit = self._gauge(
            "lathe_database_connections_limit", "What this process may open at most"
        )
        self._database_up = self._gauge(
            "lathe_database_up", "1 when the database answered this scrape"
        )
        self._disk_free = self._gauge(
            "lathe_objects_free_bytes", "Free space beside the object folder; NaN for a bucket"
        )
        self._disk_size = self._gauge(
            "lathe_objects_size_bytes", "Size of the object folder's disk; NaN for a bucket"
        )
        self._gauges = {
            name: self._gauge(name, says, labels)
            for name, (says, labels) in _FROM_DATABASE.items()
        }

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request under its route's template."""
        key = method, route, status
        kept = self._kept.get(key)
        if kept is None:
            counter = self._requests.labels(method, route, str(status))
            kept = self._kept[key] = counter, self._seconds.labels(method, route)
        kept[0].inc()
        kept[1].observe(seconds)

    def text(
        self, census: Census | None, totals: Totals | None, *, pool: Pool, disk: Disk | None
    ) -> bytes:
        """The exposition text; None for what could not be asked or is not there."""
        self._connections.set(pool.in_use)
        self._connections_limit.set(pool.limit)
        self._disk_free.set(float("nan") if disk is None else disk.free_bytes)
        self._disk_size.set(float("nan") if disk is None else disk.size_bytes)
        self._database_up.set(census is not None)
        for reason, number in self._take_dropped().items():
            self._dropped.labels(reason).inc(number)
        for name, (_, labels) in _FROM_DATABASE.items():
            if labels:
                self._gauges[name].clear()
        self._gauges["lathe_stored_bytes"].set(
            float("nan") if totals is None else totals.stored_bytes
        )
        self._gauges["lathe_deliveries_late_seconds"].set(
            float("nan") if census is None else census.outbox.late_s
        )
        for state, queue, number in [] if totals is None else totals.ended:
            self._gauges["lathe_jobs"].labels(state, queue).set(number)
        for name, labels, value in [] if census is None else _samples(census):
            self._gauges[name].labels(*labels).inc(value)
        counted = [] if census is None else census.tallies
        return generate_latest(self._registry) + generate_latest(Tallied(counted))

    def _gauge(self, name: str, says: str, labels: tuple[str, ...] = ()) -> Gauge:
        return Gauge(name, says, labels, registry=self._registry)


def _samples(census: Census) -> Iterable[tuple[str, tuple[str, ...], float]]:
    """(metric, label values, value); what has the same labels adds up."""
    for open_jobs in census.unfinished:
        yield "lathe_jobs", (open_jobs.state, open_jobs.queue), open_jobs.jobs
        waits = open_jobs.state == "queued"
        name = "lathe_queue_oldest_seconds" if waits else "lathe_queue_longest_run_seconds"
        yield name, (open_jobs.queue,), max(0.0, open_jobs.oldest_s)
    for ended in census.ended:
        labels = (ended.queue, ended.state, ended.code and told_code(ended.code))
        yield "lathe_recent_jobs", labels, ended.jobs
        yield "lathe_recent_waited_seconds", labels, ended.waited_s
        yield "lathe_recent_waited_max_seconds", labels, ended.waited_longest_s
        yield "lathe_recent_ran_seconds", labels, ended.ran_s
        yield "lathe_recent_ran_max_seconds", labels, ended.ran_longest_s
    troubled: list[Unfinished | Ended] = [*census.unfinished, *census.ended]
    for group in troubled:
        yield "lathe_job_lapses", (group.queue,), group.lapses
        yield "lathe_job_crashes", (group.queue,), group.crashes
    for place, number in census.workers.items():
        yield "lathe_workers", place, number
        yield "lathe_worker_slots", place, census.slots[place]
        yield "lathe_workers_unconfined", place, census.unconfined.get(place, 0)
    for sweeper in census.sweepers:
        yield "lathe_sweep_rounds", (sweeper.name,), sweeper.rounds
        yield "lathe_sweep_failed_rounds", (sweeper.name,), sweeper.failed_rounds
    yield "lathe_deliveries", ("pending",), census.outbox.pending
    yield "lathe_deliveries", ("dead",), census.outbox.dead
