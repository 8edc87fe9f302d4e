"""Real workers that fail, die and are killed: each attempt is told in the trace of its job."""

import json
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.store.traces.exporting import exporting
from lathe.job import JobSpec, Resources
from lathe.states import JobState
from lathe.techniques.optimize import OptimizeGraph
from lathe.techniques.quantize import QuantizeDynamic
from tests.services.worker.collector import Collector, Told, collector
from tests.services.worker.conftest import on_both_databases
from tests.services.worker.crew import STAND_IN, Crew
from tests.services.worker.shop import Shop


@pytest.fixture
def told() -> Iterator[Collector]:
    with collector() as one:
        yield one


@pytest.fixture
def crew(deployment: dict[str, str], told: Collector, tmp_path: Path) -> Iterator[Crew]:
    more = {"LATHE_TRACES_URL": told.url, "LATHE_LEASE_S": "2", "LATHE_THREADS": "1"}
    crew = Crew(deployment | more, tmp_path / "logs", STAND_IN)
    crew.sweep()
    crew.hire("w", "cpu")
    yield crew
    crew.dismiss()


def submit(shop: Shop, max_run_s: int = 60, **wish: object) -> tuple[str, str, str]:
    """A job of two steps that a traced request made: its id, its trace, the request's span."""
    trace, request = secrets.token_hex(16), secrets.token_hex(8)
    spec = JobSpec(
        model=shop.ready_model(json.dumps(wish).encode()),
        pipeline=(OptimizeGraph(id="our-secret-step"), QuantizeDynamic(id="int8")),
        resources=Resources(max_run_s=max_run_s),
    )
    return shop.submit(spec, traceparent=f"00-{trace}-{request}-01"), trace, request


def attempts(told: Collector, trace: str) -> list[Told]:
    return [span for span in told.of(trace) if span.name == "attempt cpu"]


def below(told: Collector, span: Told) -> list[str]:
    return [each.name for each in told.of(span.trace) if each.parent == span.id]


@on_both_databases
def test_a_killed_workers_attempt_and_the_next_are_in_one_trace(
    shop: Shop, crew: Crew, told: Collector
) -> None:
    job, trace, request = submit(shop, hang_at_first="int8")
    crew.until(lambda: any(e.data.get("step") == "int8" for e in shop.events(job)))
    told.until("step optimize.graph")
    crew.kill("w")
    crew.until(lambda: shop.job(job).state == JobState.SUCCEEDED)
    first, second = told.until("attempt cpu", 2)
    assert (first.service, second.service) == ("lathe-sweep", "lathe-worker")
    assert {first.trace, second.trace} == {trace}
    assert {first.parent, second.parent} == {request}
    assert [span.attributes["lathe.attempt"] for span in (first, second)] == [1, 2]
    assert (first.failed, first.attributes["error.type"]) == (True, "lapsed")
    assert not second.failed
    # what the killed worker had told hangs below the span that the sweep told
    assert below(told, first) == ["stage", "prepare", "step optimize.graph"]
    assert below(told, second) == [
        *("stage", "prepare", "step quantize.dynamic", "store", "finish")
    ]
    assert first.ended_ns <= second.began_ns + 1e9
    assert len([span for span in told.of(trace) if span.name == "wait cpu"]) == 2


def test_each_death_of_a_child_is_an_attempt_that_failed(
    shop: Shop, crew: Crew, told: Collector
) -> None:
    job, trace, _ = submit(shop, die="int8")
    crew.until(lambda: shop.job(job).state == JobState.FAILED)
    told.until("attempt cpu", 3)
    seen = attempts(told, trace)
    assert [span.attributes["lathe.attempt.outcome"] for span in seen] == ["crashed"] * 3
    assert {span.attributes["error.type"] for span in seen} == {"worker_crashed"}
    assert all(span.failed for span in seen)
    died = [span for span in told.of(trace) if span.name == "step quantize.dynamic"]
    assert [span.failed for span in died] == [True] * 3


def test_a_job_that_is_killed_by_its_limit_says_so_by_its_code(
    shop: Shop, crew: Crew, told: Collector
) -> None:
    warm, _, _ = submit(shop)  # the first job also waits until the engine is loaded
    crew.until(lambda: shop.job(warm).state == JobState.SUCCEEDED)
    job, trace, _ = submit(shop, max_run_s=3, hang="our-secret-step")
    crew.until(lambda: shop.job(job).state == JobState.FAILED)
    (attempt,) = told.until("attempt cpu", of={"lathe.job.id": job})
    assert attempt.failed
    assert attempt.attributes["error.type"] == "run_timeout"
    assert attempt.attributes["lathe.attempt.outcome"] == "killed"
    (step,) = [span for span in told.of(trace) if span.name == "step optimize.graph"]
    assert step.attributes["error.type"] == "run_timeout"
    assert 2.0 < attempt.seconds < 30
    assert step.ended_ns <= attempt.ended_ns


def test_neither_a_name_that_somebody_gave_nor_a_sentence_is_told(
    shop: Shop, crew: Crew, told: Collector
) -> None:
    job, trace, _ = submit(shop)
    crew.until(lambda: shop.job(job).state == JobState.SUCCEEDED)
    told.until("attempt cpu")
    spans = told.of(trace)
    assert len(spans) == 8
    assert "our-secret-step" not in repr(spans)
    assert {name for span in spans for name in span.attributes} == {
        "lathe.attempt",
        "lathe.attempt.outcome",
        "lathe.job.id",
        "lathe.job.kind",
        "lathe.project.id",
        "lathe.step.position",
        "lathe.technique",
        "messaging.destination.name",
        "messaging.operation.name",
        "messaging.operation.type",
        "messaging.system",
    }
    assert told.paths == {"/v1/traces"}


@pytest.mark.parametrize(
    ("headers", "attributes", "sent", "place"),
    [
        ("authorization=Bearer%20x", "deployment.environment.name=trial", "Bearer x", "trial"),
        ("", "", None, None),  # as Compose hands them on where .env has none
    ],
)
def test_the_collectors_headers_and_the_places_name_come_from_the_environment(
    told: Collector,
    monkeypatch: pytest.MonkeyPatch,
    headers: str,
    attributes: str,
    sent: str | None,
    place: str | None,
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", headers)
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", attributes)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")  # not read
    traces = exporting(told.url, "lathe-api", 1.0)
    traces.provider.get_tracer("lathe").start_span("here").end()
    told.until("here")
    traces.provider.shutdown()
    assert told.authorizations == {sent}
    (resource,) = told.resources
    assert resource["service.name"] == "lathe-api"
    assert resource.get("deployment.environment.name") == place


def test_a_collector_that_is_not_there_is_in_nobodys_way(
    shop: Shop, deployment: dict[str, str], tmp_path: Path
) -> None:
    dead = {"LATHE_TRACES_URL": "http://127.0.0.1:9", "LATHE_THREADS": "1"}
    crew = Crew(deployment | dead, tmp_path / "logs", STAND_IN)
    try:
        crew.sweep()
        crew.hire("w", "cpu")
        jobs = [submit(shop, n=number)[0] for number in range(5)]
        crew.until(lambda: all(shop.job(j).state == JobState.SUCCEEDED for j in jobs))
        ran = [shop.job(job).running_s for job in jobs]
        # the first one also loads the engine; whoever waited for the collector would wait
        # for 5 s with each of a job's eight spans
        assert max(ran[1:]) < 20.0, ran
        crew.until(lambda: "the collector of traces takes nothing" in crew.log())
    finally:
        crew.dismiss()
