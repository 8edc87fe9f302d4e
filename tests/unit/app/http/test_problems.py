"""A database in trouble is 503 or 507 with Retry-After; a bug in a statement stays a 500."""

import asyncio
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from structlog.testing import capture_logs

pytestmark = pytest.mark.anyio


class Said(Exception):  # noqa: N818 - as a driver raises
    def __init__(self, sqlstate: str | None) -> None:
        super().__init__("at 10.1.2.3 for user lathe")
        self.sqlstate = sqlstate


def failing(world: Any, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    async def rows(*_: object) -> None:
        raise error

    monkeypatch.setattr(world.parts.reads, "rows", rows)
    monkeypatch.setattr(world.parts.keys, "_rows", {}, raising=False)


@pytest.mark.parametrize(
    ("error", "status", "code", "retry_after"),
    [
        (OperationalError("select 1", None, Said("57P01")), 503, "unavailable", "5"),
        (OperationalError("select 1", None, Said("53300")), 503, "unavailable", "5"),
        (PoolTimeout("QueuePool limit"), 503, "unavailable", "5"),
        (OperationalError("insert", None, Said("53100")), 507, "out_of_disk", "60"),
    ],
)
async def test_a_database_in_trouble_is_a_problem_that_says_when_to_come_back(
    world: Any,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    status: int,
    code: str,
    retry_after: str,
) -> None:
    failing(world, monkeypatch, error)
    answer = await world.client.get("/v1/jobs")
    body = answer.json()
    assert (answer.status_code, body["code"], body["retryable"]) == (status, code, True)
    assert body["class"] == ("transient" if status == 503 else "resource_exhausted")
    assert answer.headers["retry-after"] == retry_after
    assert answer.headers["content-type"] == "application/problem+json"
    assert "10.1.2.3" not in answer.text


async def test_a_statement_that_is_wrong_is_ours_to_mend(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(world, monkeypatch, ProgrammingError("selct", None, Said("42601")))
    answer = await world.client.get("/v1/jobs")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "retry-after" not in answer.headers


async def test_readiness_waits_for_no_part_longer_than_it_may(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silent() -> None:
        await asyncio.sleep(60)

    monkeypatch.setattr(world.parts.objects, "healthy", silent)
    monkeypatch.setattr(world.parts.hints, "trouble", silent)
    object.__setattr__(world.parts.settings, "ready_timeout_s", 0.4)
    began = asyncio.get_running_loop().time()
    answer = await world.client.get("/readyz")
    assert asyncio.get_running_loop().time() - began < 5
    body = answer.json()
    assert (answer.status_code, body["status"]) == (503, "unavailable")
    assert answer.headers["retry-after"] == "5"
    assert body["database"] == {"ok": True, "why": None}
    assert body["objects"]["why"] == "the object store said nothing for 0.4 s"
    assert body["broker"]["why"] == "the broker said nothing for 0.4 s"


async def test_a_stream_outlives_a_database_that_is_away_for_a_moment(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = await world.job()
    await world.ends(job_id)
    monkeypatch.setattr("app.follow.events._ASK_AGAIN_S", 0.01)
    monkeypatch.setattr("app.follow.watch.POLL_S", 0)  # so that no read is shared
    feed, calls = world.parts.reads.rows, 0

    async def sometimes(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls in {2, 3}:  # the first is the route's own
            raise OperationalError("select", None, Said("08006"))
        return await feed(*arguments)

    monkeypatch.setattr(world.parts.reads, "rows", sometimes)
    accept = {"Accept": "text/event-stream"}
    answer = await world.client.get(f"/v1/jobs/{job_id}/events", headers=accept)
    assert answer.text.count(": the database does not answer") == 2
    assert answer.text.count("event: succeeded") == answer.text.count("event: queued") == 1


async def test_a_folder_that_is_gone_is_no_missing_file(world: Any) -> None:
    job_id = await world.job()
    await world.ends(job_id)
    artifact_id = await world.artifact(job_id, b"bytes")
    world.objects.rename(world.objects.with_name("moved"))
    answer = await world.client.get(f"/v1/artifacts/{artifact_id}/content")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert answer.json()["detail"].startswith("the object folder is gone")
    upload = await world.client.post("/v1/models", content=b"bytes")
    assert (upload.status_code, upload.json()["code"]) == (503, "unavailable")
    world.objects.with_name("moved").rename(world.objects)
    assert (await world.client.get(f"/v1/artifacts/{artifact_id}/content")).content == b"bytes"


async def test_a_hint_that_cannot_be_noted_down_fails_no_submit(
    world: Any,
) -> None:
    model = await world.model()
    real = world.parts.sessions

    class Sessions:
        def __call__(self) -> Any:
            return real()

        def begin(self) -> Any:  # only the hint is noted down with it
            raise OperationalError("update jobs", None, Said("57P01"))

    object.__setattr__(world.parts, "sessions", Sessions())
    spec = {"model": model, "pipeline": [{"technique": "quantize.dynamic"}]}
    with capture_logs() as logged:
        answer = await world.client.post("/v1/jobs", json=spec)
    assert answer.status_code == 202
    assert next(line["event"] for line in logged) == "hint not noted"
    assert world.hints.queues[-1] == "cpu"
