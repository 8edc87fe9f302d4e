"""Submitting jobs: what is accepted, what is refused, and what a dry run says."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, false, func, select, update
from sqlalchemy.engine import Connection

from app.store import tenants
from app.store.rows import Job, Worker
from app.store.rows.base import utc_now
from lathe import ids

pytestmark = pytest.mark.anyio
PIPELINE = [
    {"technique": "optimize.graph"},
    {"id": "int8", "technique": "quantize.dynamic", "exclude": ["fc.weight"]},
]


async def spec_for(world: Any, **more: Any) -> dict[str, Any]:
    return {"model": await world.model(), "pipeline": PIPELINE, **more}


async def job_count(world: Any) -> int:
    async with world.parts.reading() as session:
        count: int = await session.scalar(select(func.count()).select_from(Job))
    return count


async def test_a_job_is_accepted_with_its_steps_its_first_event_and_a_hint(world: Any) -> None:
    spec = await spec_for(world, name="edge", labels={"team": "cam"})
    answer = await world.client.post(
        "/v1/jobs", json=spec | {"resources": {"device": "cpu", "priority": 8}}
    )
    body = answer.json()
    assert answer.status_code == 202
    assert answer.headers["location"] == f"/v1/jobs/{body['id']}"
    assert answer.headers["retry-after"] == "2"
    assert (body["state"], body["queue"], body["priority"]) == ("queued", "cpu", 8)
    assert (body["name"], body["labels"]) == ("edge", {"team": "cam"})
    steps = [(step["id"], step["technique"], step["state"]) for step in body["steps"]]
    assert steps == [
        ("1-optimize_graph", "optimize.graph", "pending"),
        ("int8", "quantize.dynamic", "pending"),
    ]
    assert body["spec"]["seed"] == 0  # every default is filled in
    events = (await world.client.get(f"/v1/jobs/{body['id']}/events")).json()["items"]
    assert [(e["seq"], e["type"], e["data"]) for e in events] == [
        (1, "queued", {"queue": "cpu"})
    ]
    assert world.hints.queues == ["cpu"]
    assert (await world.get(Job, body["id"])).hinted_at is not None


async def test_auto_goes_where_a_living_worker_has_a_gpu(world: Any) -> None:
    model_id = await world.model()
    await world.add(Worker(name="w", queues=[], device="d", memory_bytes=1.0))
    for device, seen_s_ago, queues, expected in (
        ("auto", 50, ["gpu", "cpu"], "gpu"),
        ("auto", 70, ["gpu"], "cpu"),
        ("auto", 1, ["cpu"], "cpu"),
        ("cpu", 1, ["gpu"], "cpu"),
        ("cuda", 70, ["gpu"], "gpu"),
    ):
        seen_at = utc_now() - timedelta(seconds=seen_s_ago)
        async with world.parts.writing() as session:
            await session.execute(update(Worker).values(seen_at=seen_at, queues=queues))
        spec = {"model": model_id, "pipeline": PIPELINE, "resources": {"device": device}}
        plan = (await world.client.post("/v1/jobs:validate", json=spec)).json()
        assert plan["queue"] == expected, (device, seen_s_ago, queues)


async def test_one_idempotency_key_makes_one_job_even_at_once(world: Any) -> None:
    spec = await spec_for(world)
    headers = {"Idempotency-Key": "k-1"}
    answers = await asyncio.gather(
        *(world.client.post("/v1/jobs", json=spec, headers=headers) for _ in range(4))
    )
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 1
    replayed = [answer.headers.get("idempotency-replayed") for answer in answers]
    assert sorted(replayed, key=str) == [None, "true", "true", "true"]
    assert await job_count(world) == 1
    spelled_out = spec | {"seed": 0}  # the default, so the same job
    again = await world.client.post("/v1/jobs", json=spelled_out, headers=headers)
    assert again.json()["id"] == answers[0].json()["id"]
    other = await world.client.post("/v1/jobs", json=spec | {"seed": 1}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert other.json()["param"] == "Idempotency-Key"
    assert await job_count(world) == 1


async def test_two_projects_may_use_the_same_idempotency_key(world: Any) -> None:
    await world.client.post(
        "/v1/jobs", json=await spec_for(world), headers={"Idempotency-Key": "k"}
    )
    answer = await world.stranger.post(
        "/v1/jobs", json=await spec_for(world), headers={"Idempotency-Key": "k"}
    )
    assert answer.json()["code"] == "not_found"  # its spec was looked at, not the other's job


async def test_the_database_decides_a_race_for_an_idempotency_key(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second request looks before the first one's commit, and inserts after it."""
    spec, headers = await spec_for(world), {"Idempotency-Key": "raced"}
    first = await world.client.post("/v1/jobs", json=spec, headers=headers)
    remembered, looks = tenants.remembered, []

    def too_early_once(project_id: str, key: str) -> Any:
        looks.append(key)
        statement = remembered(project_id, key)
        return statement.where(false()) if len(looks) == 1 else statement

    monkeypatch.setattr(tenants, "remembered", too_early_once)
    second = await world.client.post("/v1/jobs", json=spec, headers=headers)
    assert (second.status_code, second.json()["id"]) == (202, first.json()["id"])
    assert looks == ["raced", "raced"]
    assert await job_count(world) == 1


async def test_a_failed_commit_is_no_202(world: Any) -> None:
    spec = await spec_for(world)
    hints = list(world.hints.queues)

    def fail(connection: Connection) -> None:
        if not connection.get_execution_options().get("read_only"):
            raise RuntimeError("the disk is gone")

    event.listen(world.parts.engine.sync_engine, "commit", fail)
    submitted = await world.client.post("/v1/jobs", json=spec)
    keyed = await world.client.post("/v1/keys", json={"name": "k"})
    event.remove(world.parts.engine.sync_engine, "commit", fail)
    assert (submitted.status_code, keyed.status_code) == (500, 500)
    assert submitted.json()["class"] == "internal"
    assert "key" not in keyed.json()
    assert await job_count(world) == 0
    assert world.hints.queues == hints


async def test_what_is_named_has_to_be_there_and_ready(world: Any) -> None:
    pending, rejected = await world.model("pending"), await world.model("rejected")
    expected = {
        pending: (409, "not_ready", True, "1"),
        rejected: (422, "unsupported_model", False, None),
        ids.new("mdl"): (404, "not_found", False, None),
    }
    for model_id, (status, code, retryable, retry_after) in expected.items():
        answer = await world.client.post(
            "/v1/jobs", json={"model": model_id, "pipeline": PIPELINE}
        )
        body = answer.json()
        assert (answer.status_code, body["code"], body["retryable"]) == (
            status,
            code,
            retryable,
        )
        assert body["param"] == "model"
        assert answer.headers.get("retry-after") == retry_after
    data = {"calibration": {"dataset": ids.new("dat"), "split": "train"}}
    both = await spec_for(world, data=data, baseline=pending)
    body = (await world.client.post("/v1/jobs", json=both)).json()
    assert body["code"] == "not_found"  # waiting would not help, so that comes first
    assert [e["param"] for e in body["errors"]] == ["data.calibration.dataset", "baseline"]
    assert await job_count(world) == 0


async def test_a_spec_that_does_not_fit_lists_every_reason(world: Any) -> None:
    spec = {
        "model": await world.model(),
        "data": {"calibration": {"dataset": await world.dataset(), "split": "trian"}},
        "pipeline": [{"technique": "quantize.dynamic", "exclude": ["fc.weight", "fc.wieght"]}],
    }
    answer = await world.client.post("/v1/jobs", json=spec)
    body = answer.json()
    assert (answer.status_code, body["code"], body["class"]) == (
        422,
        "data_mismatch",
        "invalid_request",
    )
    assert body["param"] == "data.calibration.split"
    assert "did you mean 'train'?" in body["detail"]
    assert [error["param"] for error in body["errors"]] == [
        "data.calibration.split",
        "pipeline.0.exclude.1",
    ]
    assert "did you mean 'fc.weight', 'conv1.weight'?" in body["errors"][1]["detail"]
    assert await job_count(world) == 0
    plan = (await world.client.post("/v1/jobs:validate", json=spec)).json()
    assert plan["valid"] is False
    assert plan["problems"] == body["errors"]


async def test_validate_shows_the_plan_and_queues_nothing(world: Any) -> None:
    spec = await spec_for(world)
    answer = await world.client.post("/v1/jobs:validate", json=spec)
    plan = answer.json()
    assert (answer.status_code, plan["valid"], plan["queue"], plan["problems"]) == (
        200,
        True,
        "cpu",
        [],
    )
    assert [(step["id"], step["phase"]) for step in plan["plan"]] == [
        ("1-optimize_graph", "float"),
        ("int8", "lower"),
    ]
    assert plan["plan"][1]["spec"]["weights"]["bits"] == 8
    assert await job_count(world) == 0
    broken = (await world.client.post("/v1/jobs:validate", json={"pipeline": []})).json()
    assert (broken["valid"], broken["spec"]) == (False, None)
    assert {problem["param"] for problem in broken["problems"]} == {"model", "pipeline"}


async def test_a_recipe_is_shown_as_its_steps_and_refused_where_it_stands(world: Any) -> None:
    answer = await world.client.post("/v1/jobs", json=await spec_for(world, pipeline="int8"))
    body = answer.json()
    assert (answer.status_code, body["steps"][0]["technique"]) == (202, "quantize.choose")
    assert body["spec"]["pipeline"][0]["technique"] == "quantize.choose"
    target = {"recipe": "deep-compression", "target": {"max_bytes": 0}}
    for pipeline, param, told in (
        ("int9", "pipeline", "there are deep-compression, int8, slim-50"),
        ({"recipe": "int9"}, "pipeline.recipe", "'int9' is unknown; use one of 'deep-compress"),
        (target, "pipeline.target.max_bytes", "greater than or equal to 1"),
    ):
        spec = await spec_for(world, pipeline=pipeline)
        for answer in (
            await world.client.post("/v1/jobs", json=spec),
            await world.client.post("/v1/jobs:validate", json=spec),
        ):
            said = answer.json()
            (problem,) = said.get("errors") or said["problems"]
            assert problem["param"] == param
            assert told in problem["detail"]


async def test_a_job_waits_for_a_newer_worker_only_where_it_uses_something_new(
    world: Any,
) -> None:
    for pipeline, version in (
        (PIPELINE, 1),
        ([*PIPELINE, {"technique": "encode.entropy"}], 2),
    ):
        spec = await spec_for(world, pipeline=pipeline)
        made = (await world.client.post("/v1/jobs", json=spec)).json()
        assert (await world.get(Job, made["id"])).spec_version == version


async def test_a_body_that_is_no_spec_at_all_says_so(world: Any) -> None:
    for body, content_type, status, told in (
        (b'{"model": ', "application/json", 400, "not JSON"),
        (b"{}", "application/x-www-form-urlencoded", 400, "Content-Type: application/json"),
        (b"", "application/json", 400, "empty"),
        (b"[]", "application/json", 422, ""),
    ):
        headers = {"Content-Type": content_type}
        answer = await world.client.post("/v1/jobs", content=body, headers=headers)
        assert answer.status_code == status
        assert told in answer.json()["detail"]
        assert answer.headers["content-type"] == "application/problem+json"


async def test_huge_input_is_not_echoed(world: Any) -> None:
    huge = "x" * 3000
    pipeline = [{"technique": huge}, {"technique": "optimize.graph", huge[:500]: 1}]
    answer = await world.client.post(
        "/v1/jobs", json={"model": huge[:40], "pipeline": pipeline}
    )
    assert answer.status_code == 422
    assert len(answer.content) < 2500
    assert {error["param"] for error in answer.json()["errors"]} >= {
        "model",
        "pipeline.0.technique",
    }


async def test_a_refused_header_is_named(world: Any) -> None:
    headers = {"Idempotency-Key": "k" * 256}
    answer = await world.client.post("/v1/jobs", json=await spec_for(world), headers=headers)
    assert (answer.status_code, answer.json()["param"]) == (422, "Idempotency-Key")


@pytest.mark.parametrize("body", [b"\xff\xfe\xfd", b"[" * 1500])
async def test_bytes_that_are_no_json_are_told_so(world: Any, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    answer = await world.client.post("/v1/jobs", content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")
    assert "JSON" in answer.json()["detail"]


async def test_a_flag_or_a_text_where_a_number_is_asked_is_refused_by_its_place(
    world: Any,
) -> None:
    rank = {"technique": "decompose.svd", "rank": {"by": "given", "rank": True}}
    spec = await spec_for(world, seed="1", benchmark={"batch_sizes": [1, True]})
    spec["pipeline"] = [rank, {"technique": "optimize.graph"}]
    answer = await world.client.post("/v1/jobs", json=spec)
    assert answer.status_code == 422
    plan = (await world.client.post("/v1/jobs:validate", json=spec)).json()
    for told in (answer.json()["errors"], plan["problems"]):
        places = {each["param"] for each in told}
        assert {"seed", "benchmark.batch_sizes.1", "pipeline.0.rank.rank"} <= places, told
    assert await job_count(world) == 0
