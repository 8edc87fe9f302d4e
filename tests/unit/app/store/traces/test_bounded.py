"""Spans on their way: nobody waits, what cannot be told is counted, the log says it once."""

import logging
import threading
import time
from collections.abc import Sequence

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from app.store.traces.bounded import Bounded


class Collector(SpanExporter):
    """Takes what it is given while it is `up` and `open`."""

    def __init__(self) -> None:
        self.up = True
        self.open = threading.Event()
        self.open.set()
        self.names: list[str] = []
        self.ended = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.open.wait(10)
        if not self.up:
            return SpanExportResult.FAILURE
        self.names += [span.name for span in spans]
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        self.ended = True


def spans(queue: Bounded, number: int, **how: object) -> float:
    """Begin and end so many; gives the seconds that took."""
    provider = TracerProvider(shutdown_on_exit=False, **how)  # type: ignore[arg-type]
    provider.add_span_processor(queue)
    tracer, began_s = provider.get_tracer("t"), time.perf_counter()
    for index in range(number):
        tracer.start_span(str(index)).end()
    return time.perf_counter() - began_s


def until(holds: object) -> None:
    deadline = time.monotonic() + 5
    while not holds():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_spans_are_told_in_order_and_the_last_ones_at_the_end() -> None:
    collector = Collector()
    queue = Bounded(collector, every_s=0.01)
    spans(queue, 3)
    until(lambda: len(collector.names) == 3)
    spans(queue, 2)
    queue.shutdown()
    assert collector.names == ["0", "1", "2", "0", "1"]
    assert collector.ended
    assert queue.dropped == {"queue_full": 0, "collector": 0}


def test_a_collector_that_hangs_makes_nobody_wait_and_what_is_too_much_is_counted() -> None:
    collector = Collector()
    collector.open.clear()
    queue = Bounded(collector, waiting=10, every_s=0.01)
    spans(queue, 1)
    until(lambda: not queue._queue)  # the thread has it, and hangs
    assert spans(queue, 500) < 1.0
    assert queue.dropped["queue_full"] == 490
    collector.open.set()
    until(lambda: len(collector.names) == 11)
    queue.shutdown()


def test_what_the_collector_does_not_take_is_counted_and_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    collector = Collector()
    collector.up = False
    queue = Bounded(collector, every_s=0.01)
    with caplog.at_level(logging.WARNING):
        spans(queue, 2)
        until(lambda: queue.dropped["collector"] == 2)
        spans(queue, 1)
        until(lambda: queue.dropped["collector"] == 3)
        collector.up = True
        spans(queue, 1)
        until(lambda: collector.names == ["0"])
        queue.shutdown()
    said = [record.getMessage() for record in caplog.records]
    assert said == [
        "the collector of traces takes nothing",
        "the collector of traces is back",
    ]


def test_a_span_of_a_trace_that_was_not_drawn_is_not_told() -> None:
    collector = Collector()
    queue = Bounded(collector, every_s=0.01)
    spans(queue, 5, sampler=ALWAYS_OFF)
    queue.shutdown()
    assert collector.names == []
    assert sum(queue.dropped.values()) == 0


def test_a_process_without_a_thread_to_spare_goes_on_and_tells_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    start = threading.Thread.start

    def none_left(thread: threading.Thread) -> None:
        if thread.name == "traces":
            raise RuntimeError("can't start new thread")
        start(thread)

    collector = Collector()
    queue = Bounded(collector, every_s=0.01)
    with monkeypatch.context() as poor:
        poor.setattr(threading.Thread, "start", none_left)
        spans(queue, 2)
    spans(queue, 1)
    until(lambda: len(collector.names) == 3)
    queue.shutdown()
