"""What is told of an attempt: which spans, how they hang together, and what never is told."""

from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import NoOpTracer, StatusCode

from app.store.queue import Claim, Fence
from lathe.errors import OutOfMemory
from lathe.states import JobKind, Queue
from worker.outcome import Ending
from worker.timeline import Spent, Stage, Timeline

TRACE, REQUEST = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SECRET = "layer acme.secret.weight does not fit"


def claim(attempt: int = 1) -> Claim:
    return Claim(
        fence=Fence("job_1", attempt),
        project_id="prj_a",
        kind=JobKind.COMPRESS,
        queue=Queue.CPU,
        spec=None,
        model_id=None,
        dataset_id=None,
        waited_s=7.0,
        traceparent=f"00-{TRACE}-{REQUEST}-01",
    )


@pytest.fixture
def told() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def timeline(told: InMemorySpanExporter) -> Iterator[Timeline]:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(told))
    yield Timeline(provider.get_tracer("lathe"), claim())
    provider.shutdown()


def by_name(told: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {span.name: span for span in told.get_finished_spans()}


def under(span: ReadableSpan) -> int | None:
    return None if span.parent is None else span.parent.span_id


def test_an_attempt_hangs_below_the_request_and_its_stages_below_the_attempt(
    timeline: Timeline, told: InMemorySpanExporter
) -> None:
    with timeline.stage(Stage.STAGE):
        pass
    with timeline.child(Stage.PREPARE):
        timeline.enter(Stage.STEP, "quantize.dynamic", 2)
        timeline.leave()
        timeline.enter(Stage.MEASURE)
    timeline.end(Ending("succeeded"))
    spans = by_name(told)
    attempt = spans.pop("attempt cpu")
    waited = spans.pop("wait cpu")
    assert list(spans) == ["stage", "prepare", "step quantize.dynamic", "measure"]
    assert {f"{span.context.trace_id:032x}" for span in told.get_finished_spans()} == {TRACE}
    assert under(attempt) == under(waited) == int(REQUEST, 16)
    assert {under(span) for span in spans.values()} == {attempt.context.span_id}
    assert (waited.end_time or 0) - (waited.start_time or 0) == 7_000_000_000
    assert waited.end_time == attempt.start_time
    step = spans["step quantize.dynamic"].attributes or {}
    assert step["lathe.step.position"] == 2
    assert attempt.status.status_code is StatusCode.UNSET
    assert [(each.stage, each.technique) for each in timeline.spent] == [
        (Stage.STAGE, None),
        (Stage.PREPARE, None),
        (Stage.STEP, "quantize.dynamic"),
        (Stage.MEASURE, None),
    ]
    assert all(0 <= each.seconds < 1 for each in timeline.spent)


def test_a_failure_is_told_by_its_code_and_never_by_its_sentence(
    timeline: Timeline, told: InMemorySpanExporter
) -> None:
    with pytest.raises(OutOfMemory), timeline.stage(Stage.STAGE):
        raise OutOfMemory(SECRET)
    with pytest.raises(KeyError), timeline.child(Stage.INSPECT):
        raise KeyError(SECRET)
    timeline.end(Ending("failed", "out_of_memory"))
    spans = by_name(told)
    for name, code in (
        ("stage", "out_of_memory"),
        ("inspect", "KeyError"),
        ("attempt cpu", "out_of_memory"),
    ):
        assert spans[name].status.status_code is StatusCode.ERROR, name
        assert (spans[name].attributes or {})["error.type"] == code
    assert SECRET not in "".join(span.to_json() for span in spans.values())
    assert timeline.spent == []  # what broke off says nothing of how long it takes


def test_a_step_that_failed_ends_where_the_next_phase_begins(
    timeline: Timeline, told: InMemorySpanExporter
) -> None:
    with timeline.child(Stage.PREPARE):
        timeline.enter(Stage.STEP, "train.recover")
        timeline.enter(Stage.MEASURE)
    timeline.end(Ending("failed", "training_diverged"))
    spans = by_name(told)
    step, measure = spans["step train.recover"], spans["measure"]
    assert (step.attributes or {})["error.type"] == "training_diverged"
    assert (step.end_time or 0) <= (measure.start_time or 0)
    assert measure.status.status_code is StatusCode.UNSET
    assert Stage.STEP not in {each.stage for each in timeline.spent}


def test_times_are_kept_where_nobody_is_told() -> None:
    timeline = Timeline(NoOpTracer(), claim())
    with timeline.stage(Stage.FETCH):
        pass
    timeline.end(Ending("succeeded"))
    assert timeline.spent == [Spent(Stage.FETCH, timeline.spent[0].seconds)]
