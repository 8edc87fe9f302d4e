"""The whole service beside a collector: one trace from an upload to a delivered message."""

import json
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import onnx
import pytest

from examples.service import embedded
from stand import net
from tests.services.worker.collector import Collector, Told, collector
from tests.services.worker.receiver import Receiver, receiver

PIPELINE = [
    {"technique": "optimize.graph"},
    {"technique": "quantize.dynamic"},
]
STAGES = {
    *("stage", "prepare", "step optimize.graph", "step quantize.dynamic"),
    *("measure", "report", "store", "finish"),
}


@pytest.fixture(scope="module")
def told() -> Iterator[Collector]:
    with collector() as one:
        yield one


@pytest.fixture(scope="module")
def hooks() -> Iterator[Receiver]:
    with receiver() as one:
        yield one


@dataclass(frozen=True)
class Service:
    """A running one, that takes its callers' traces so."""

    callers: str
    client: httpx.Client
    folder: Path


@pytest.fixture(scope="module", params=["join", "link"])
def service(
    request: pytest.FixtureRequest, told: Collector, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    environment = {
        "LATHE_TRACES_URL": told.url,
        "LATHE_TRACES_JOIN": str(request.param == "join"),
        "LATHE_OUTBOUND_ALLOW": "127.0.0.1",
        "OMP_NUM_THREADS": "1",
    }
    folder = tmp_path_factory.mktemp("service") / "data"
    with embedded(folder, environment=environment) as running:
        headers = {"Authorization": f"Bearer {running.key}"}
        with httpx.Client(base_url=running.url, headers=headers, timeout=90) as client:
            yield Service(request.param, client, folder)


class Caller:
    """Somebody whose requests all carry one trace of their own."""

    def __init__(self, client: httpx.Client) -> None:
        self.trace, self.span = secrets.token_hex(16), secrets.token_hex(8)
        self._headers = {"traceparent": f"00-{self.trace}-{self.span}-01"}
        self._client = client

    def post(self, path: str, **more: Any) -> dict[str, Any]:
        answer = self._client.post(path, headers=self._headers, **more)
        assert answer.is_success, answer.text
        said: dict[str, Any] = answer.json()
        return said | {"request": answer.headers["x-request-id"]}

    def ready(self, model_id: str) -> None:
        """Wait for the model's inspection, however busy the machine is."""
        deadline, state = time.monotonic() + 240, "pending"
        while state == "pending" and time.monotonic() < deadline:
            time.sleep(0.2)
            state = self._client.get(f"/v1/models/{model_id}").json()["state"]
        assert state == "ready"

    def ended(self, job_id: str) -> dict[str, Any]:
        job: dict[str, Any] = {"state": "queued"}
        while job["state"] in {"queued", "running"}:
            job = self._client.get(f"/v1/jobs/{job_id}?wait=30", headers=self._headers).json()
        return job


@dataclass(frozen=True)
class Seen:
    """What one caller did, the job that came of it, and the job's spans."""

    caller: Caller
    job: dict[str, Any]
    request_id: str
    spans: list[Told]

    def named(self, name: str) -> Told:
        (span,) = [span for span in self.spans if span.name == name]
        return span

    def below(self, name: str) -> list[Told]:
        """By their beginning."""
        above = self.named(name)
        return [span for span in self.spans if span.parent == above.id]


@pytest.fixture(scope="module")
def seen(
    service: Service,
    hooks: Receiver,
    told: Collector,
    tmp_path_factory: pytest.TempPathFactory,
) -> Seen:
    """A model goes up, is compressed, and a webhook is told of it."""
    caller = Caller(service.client)
    file = tmp_path_factory.mktemp("nets") / "net.onnx"
    onnx.save(net(np.random.default_rng(3)), file)
    model = caller.post("/v1/models", content=file.read_bytes())
    caller.ready(model["id"])
    url = f"{hooks.url}/hush/in?token=hush"
    hook = caller.post("/v1/webhooks", json={"url": url, "events": ["job.succeeded"]})
    spec = {"model": model["id"], "pipeline": PIPELINE, "webhook": hook["id"]}
    submitted = caller.post("/v1/jobs", json=spec)
    job = caller.ended(submitted["id"])
    assert job["state"] == "succeeded", job
    (attempt,) = told.until("attempt cpu", of={"lathe.job.id": job["id"]})
    project = {"lathe.project.id": attempt.attributes["lathe.project.id"]}
    told.until("webhook job.succeeded", of=project)
    made = told.until("POST /v1/jobs", of={"lathe.request.id": submitted["request"]})
    spans = [span for span in told.of(attempt.trace) if span.began_ns >= made[0].began_ns]
    return Seen(caller, job, submitted["request"], spans)


def test_every_span_of_a_job_hangs_below_the_request_that_made_it(seen: Seen) -> None:
    request = seen.named("POST /v1/jobs")
    assert request.service == "lathe-api"
    assert request.attributes["http.response.status_code"] == 202
    waited, attempt, message = seen.below("POST /v1/jobs")
    assert (waited.name, waited.service) == ("wait cpu", "lathe-worker")
    assert (attempt.name, attempt.service) == ("attempt cpu", "lathe-worker")
    assert (message.name, message.service) == ("webhook job.succeeded", "lathe-deliver")
    assert {span.name for span in seen.below("attempt cpu")} == STAGES
    assert attempt.attributes["lathe.attempt.outcome"] == "succeeded"
    assert message.attributes["http.response.status_code"] == 204
    assert message.attributes["server.address"] == "127.0.0.1"
    assert not any(span.failed for span in seen.spans)
    assert "hush" not in repr(seen.spans)


def test_the_times_of_an_attempt_add_up(seen: Seen) -> None:
    waited, attempt, _ = seen.below("POST /v1/jobs")
    stages = seen.below("attempt cpu")
    assert waited.ended_ns == attempt.began_ns <= stages[0].began_ns
    for before, after in pairwise(stages):
        assert before.ended_ns <= after.began_ns
    assert stages[-1].ended_ns <= attempt.ended_ns
    accounted = sum(span.seconds for span in stages)
    assert 0.8 * attempt.seconds < accounted <= attempt.seconds
    assert seen.job["running_s"] == pytest.approx(attempt.seconds, abs=1.5)
    assert seen.job["queued_s"] == pytest.approx(waited.seconds, abs=1.0)


def test_a_callers_trace_is_gone_on_with_only_where_the_operator_says_so(
    service: Service, seen: Seen, told: Collector
) -> None:
    theirs = seen.caller.trace
    requests = {"POST /v1/models", "POST /v1/webhooks", "POST /v1/jobs"}
    if service.callers == "join":
        spans = told.of(theirs)
        known = {span.id for span in spans}
        assert len(known) == len(spans)
        roots = [span for span in spans if span.parent not in known]
        assert {span.parent for span in roots} == {seen.caller.span}
        assert requests <= {span.name for span in roots}
        assert {"attempt intake", "inspect", "attempt cpu"} <= {span.name for span in spans}
    else:
        assert told.of(theirs) == []
        linked = [span for span in told.spans if theirs in span.links]
        assert {span.name for span in linked} == requests
        assert len({span.trace for span in linked}) == 3


def test_the_log_lines_of_request_and_attempt_carry_the_trace(
    service: Service, seen: Seen
) -> None:
    trace = seen.named("POST /v1/jobs").trace
    lines = [
        json.loads(line)
        for log in (service.folder / "logs").iterdir()
        for line in log.read_text().splitlines()
        if trace in line
    ]
    (answered,) = [line for line in lines if line.get("route") == "/v1/jobs"]
    assert answered["request_id"] == seen.request_id
    assert answered["trace_id"] == trace
    said = [line["event"] for line in lines if line["trace_id"] == trace]
    assert f"job {seen.job['id']} attempt 1 begins" in said
