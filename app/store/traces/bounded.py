"""Spans on their way to the collector: a bounded queue and one thread that empties it.

Whoever ends a span never waits: where the queue is full the span is dropped and counted, and so
are those that the collector does not take. The thread is started by the first span, so a
process that forks before it has one starts its own.
"""

import logging
import threading
from collections import Counter, deque
from enum import StrEnum

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

_WAITING = 4096
_BATCH = 256
_EVERY_S = 1.0

log = logging.getLogger(__name__)


class Dropped(StrEnum):
    """Why a span was not told."""

    QUEUE_FULL = "queue_full"
    COLLECTOR = "collector"


class Bounded(SpanProcessor):
    """`dropped` counts since it was last taken."""

    def __init__(
        self, exporter: SpanExporter, *, waiting: int = _WAITING, every_s: float = _EVERY_S
    ) -> None:
        self.dropped: Counter[str] = Counter({reason.value: 0 for reason in Dropped})
        self._exporter = exporter
        self._most = waiting
        self._every_s = every_s
        self._queue: deque[ReadableSpan] = deque()
        self._lock = threading.Lock()  # of the queue and the counts; held for moments only
        self._wake = threading.Event()
        self._ends = False
        self._away = False
        self._thread: threading.Thread | None = None

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Nothing is told before its end."""

    def on_end(self, span: ReadableSpan) -> None:
        """Put it into the queue, if it is to be told and there is room."""
        context = span.get_span_context()
        if context is None or not context.trace_flags.sampled:
            return
        with self._lock:
            if self._ends or len(self._queue) >= self._most:
                self.dropped[Dropped.QUEUE_FULL] += 1
                return
            self._queue.append(span)
            if self._thread is None:
                self._thread = self._begun()
            many = len(self._queue) >= _BATCH
        if many:
            self._wake.set()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:  # noqa: ARG002 - the SDK's
        """Not offered: nobody is to wait for a collector."""
        return False

    def take_dropped(self) -> dict[str, int]:
        """What was dropped since this was asked, by why."""
        with self._lock:
            taken = {reason: number for reason, number in self.dropped.items() if number}
            self.dropped = Counter({reason.value: 0 for reason in Dropped})
        return taken

    def shutdown(self) -> None:
        """Tell what waits, if the collector takes it within two seconds."""
        with self._lock:
            self._ends = True
            thread = self._thread
        self._wake.set()
        if thread is not None:
            thread.join(2.0)
        self._exporter.shutdown()

    def _begun(self) -> threading.Thread | None:
        thread = threading.Thread(target=self._tell, name="traces", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # this process may have no more; the next span tries again
            return None
        return thread

    def _tell(self) -> None:
        while True:
            self._wake.wait(self._every_s)
            self._wake.clear()
            ends = self._ends
            while batch := self._next():
                if not self._told(batch):
                    break
            if ends:
                return

    def _next(self) -> list[ReadableSpan]:
        with self._lock:
            return [self._queue.popleft() for _ in range(min(_BATCH, len(self._queue)))]

    def _told(self, batch: list[ReadableSpan]) -> bool:
        taken = self._exporter.export(batch) is SpanExportResult.SUCCESS
        if not taken:
            with self._lock:
                self.dropped[Dropped.COLLECTOR] += len(batch)
        if taken is self._away:  # one line when it goes, one when it is back
            self._away = not taken
            log.warning("the collector of traces %s", "is back" if taken else "takes nothing")
        return taken
