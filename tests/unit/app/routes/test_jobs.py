"""Submitting, following, cancelling and retrying jobs."""

import asyncio
import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, false, func, select, update
from sqlalchemy.engine import Connection

from app.store import tenants
from app.store.rows import Dataset, Job, Step, Worker
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


async def test_lists_are_walked_by_cursor_without_gap_or_repeat(world: Any) -> None:
    made = [await world.job() for _ in range(5)]
    seen: list[str] = []
    query: dict[str, Any] = {"kind": "compress"}
    sizes = []
    while True:
        page = (await world.client.get("/v1/jobs", params=query)).json()
        seen += [item["id"] for item in page["items"]]
        sizes.append(len(page["items"]))
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert seen == made[::-1]
    assert sizes == [2, 2, 1]  # the page size of these settings
    whole = (await world.client.get("/v1/jobs?limit=5")).json()
    assert (len(whole["items"]), whole["next_cursor"]) == (5, None)
    bad = await world.client.get("/v1/jobs?cursor=zzz")
    assert (bad.status_code, bad.json()["param"]) == (400, "cursor")
    assert (await world.client.get("/v1/jobs?limit=0")).json()["param"] == "limit"


async def test_jobs_are_filtered_by_state_kind_model_and_labels(world: Any) -> None:
    await world.client.post("/v1/models", content=b"abc")
    model_id = await world.model()
    plain = await world.job(model=model_id)
    cam = await world.job(labels={"team": "cam", "run.no": "3"})
    lidar = await world.job(labels={"team": "lidar", "run.no": "3"})
    await world.ends(lidar, "failed")

    async def found(query: str) -> set[str]:
        page = (await world.client.get(f"/v1/jobs?limit=9&{query}")).json()
        return {item["id"] for item in page["items"]}

    assert await found("kind=compress") == {plain, cam, lidar}
    assert len(await found("kind=inspect")) == 1
    assert await found(f"model={model_id}") == {plain}
    assert await found("state=failed&state=running") == {lidar}
    assert await found("label=run.no:3") == {cam, lidar}
    assert await found("label=run.no:3&label=team:cam") == {cam}
    assert (await world.client.get("/v1/jobs?label=team")).json()["param"] == "label"


async def test_a_job_that_has_not_changed_is_not_sent_again(world: Any) -> None:
    job_id = await world.job()
    first = await world.client.get(f"/v1/jobs/{job_id}")
    assert first.headers["etag"] == f'"{job_id}-1"'
    assert first.headers["retry-after"] == "2"
    held = {"If-None-Match": first.headers["etag"]}
    same = await world.client.get(f"/v1/jobs/{job_id}", headers=held)
    assert (same.status_code, same.content) == (304, b"")
    assert same.headers["etag"] == first.headers["etag"]
    await world.ends(job_id)
    changed = await world.client.get(f"/v1/jobs/{job_id}", headers=held)
    assert (changed.status_code, changed.headers["etag"]) == (200, f'"{job_id}-2"')
    assert "retry-after" not in changed.headers


async def test_wait_answers_when_the_job_ends_or_the_time_is_up(world: Any) -> None:
    job_id = await world.job()
    clock = asyncio.get_running_loop()

    async def end_soon() -> None:
        await asyncio.sleep(0.02)
        await world.ends(job_id)

    began = clock.time()
    answer, _ = await asyncio.gather(world.client.get(f"/v1/jobs/{job_id}?wait=60"), end_soon())
    assert answer.json()["state"] == "succeeded"
    assert clock.time() - began < 30
    assert (await world.client.get(f"/v1/jobs/{job_id}?wait=61")).json()["param"] == "wait"


async def test_waiting_and_running_are_two_clocks(world: Any) -> None:
    job_id = await world.job()
    hour_ago = utc_now() - timedelta(hours=1)
    states = [  # state, queued_s and running_s as shown: what is over, plus what goes on
        ("queued", 3602.5, 30.25),
        ("running", 2.5, 3630.25),
        ("failed", 2.5, 30.25),
    ]
    for state, queued_s, running_s in states:
        values = {"state": state, "queued_at": hour_ago, "started_at": hour_ago}
        over = {"queued_s": 2.5, "running_s": 30.25, "finished_at": utc_now()}
        async with world.parts.writing() as session:
            await session.execute(update(Job).values(**values, **over))
        body = (await world.client.get(f"/v1/jobs/{job_id}")).json()
        assert body["queued_s"] == pytest.approx(queued_s, abs=60), state
        assert body["running_s"] == pytest.approx(running_s, abs=60), state


async def test_a_queued_job_is_cancelled_at_once(world: Any) -> None:
    job_id = await world.job()
    answer = await world.client.post(f"/v1/jobs/{job_id}/cancel")
    body = answer.json()
    assert (answer.status_code, body["state"], body["display_state"]) == (
        200,
        "cancelled",
        "cancelled",
    )
    assert body["finished_at"] is not None
    assert [step["state"] for step in body["steps"]] == ["skipped"]
    assert (await world.get(Job, job_id)).version == 2
    again = await world.client.post(f"/v1/jobs/{job_id}/cancel")
    assert (again.status_code, again.json()["code"]) == (409, "conflict")
    events = (await world.client.get(f"/v1/jobs/{job_id}/events")).json()["items"]
    assert [e["type"] for e in events] == ["queued", "cancelled"]


async def test_a_running_job_is_asked_to_end_once(world: Any) -> None:
    job_id = await world.job()
    async with world.parts.writing() as session:
        await session.execute(update(Job).values(state="running", started_at=utc_now()))
    for _ in range(2):
        answer = await world.client.post(f"/v1/jobs/{job_id}/cancel")
        assert (answer.status_code, answer.json()["state"]) == (200, "running")
        assert answer.json()["display_state"] == "cancelling"
    assert (await world.get(Job, job_id)).version == 2
    await world.ends(job_id)
    refused = await world.client.post(f"/v1/jobs/{job_id}/cancel")
    assert (refused.status_code, "succeeded" in refused.json()["detail"]) == (409, True)
    events = (await world.client.get(f"/v1/jobs/{job_id}/events")).json()["items"]
    assert [e["type"] for e in events] == ["queued", "cancel_requested", "succeeded"]
    shown = (await world.client.get(f"/v1/jobs/{job_id}")).json()["display_state"]
    assert shown == "succeeded"


async def test_cancelling_an_inspection_rejects_its_upload(world: Any) -> None:
    made = (await world.client.post("/v1/models", content=b"abc")).json()
    answer = await world.client.post(f"/v1/jobs/{made['inspection_job']}/cancel")
    assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
    model = (await world.client.get(f"/v1/models/{made['id']}")).json()
    assert (model["state"], model["failure"]["code"]) == ("rejected", "conflict")


async def test_a_retry_is_a_new_job_with_the_same_spec(world: Any) -> None:
    job_id = await world.job(seed=17, labels={"team": "cam"})
    early = await world.client.post(f"/v1/jobs/{job_id}/retry")
    assert (early.status_code, early.json()["code"]) == (409, "conflict")
    await world.ends(job_id, "failed")
    answer = await world.client.post(f"/v1/jobs/{job_id}/retry")
    body = answer.json()
    assert (answer.status_code, body["retry_of"], body["state"]) == (202, job_id, "queued")
    assert body["id"] != job_id
    assert answer.headers["location"] == f"/v1/jobs/{body['id']}"
    old = (await world.client.get(f"/v1/jobs/{job_id}")).json()
    assert body["spec"] == old["spec"]
    assert world.hints.queues == ["cpu", "cpu"]
    await world.ends(body["id"])
    await world.client.delete(f"/v1/models/{old['spec']['model']}")
    gone = await world.client.post(f"/v1/jobs/{job_id}/retry")
    assert (gone.status_code, gone.json()["param"]) == (404, "model")


async def test_the_inspection_of_a_rejected_upload_can_be_tried_again(world: Any) -> None:
    made = (await world.client.post("/v1/datasets", content=b"abc")).json()
    first = made["inspection_job"]
    await world.ends(first, "failed")
    failure = {"code": "x", "class": "internal", "retryable": True, "detail": "d"}
    async with world.parts.writing() as session:
        await session.execute(update(Dataset).values(state="rejected", failure=failure))
    again = await world.client.post(f"/v1/jobs/{first}/retry")
    assert (again.status_code, again.json()["queue"]) == (202, "intake")
    row = await world.get(Dataset, made["id"])
    assert (row.state, row.failure, row.inspection_job_id) == (
        "pending",
        None,
        again.json()["id"],
    )
    await world.ends(again.json()["id"])
    async with world.parts.writing() as session:
        await session.execute(update(Dataset).values(state="ready"))
    done = await world.client.post(f"/v1/jobs/{again.json()['id']}/retry")
    assert (done.status_code, done.json()["code"]) == (409, "conflict")


async def test_what_a_worker_wrote_is_shown(world: Any) -> None:
    job_id = await world.job()
    verdict = {"best": "int8", "constraints_met": None, "realised": "smaller", "sentence": "s"}
    progress = {"step": "int8", "fraction": 0.25, "current": 3, "total": 12, "unit": "epochs"}
    failure = {"code": "worker_crashed", "class": "internal", "retryable": True, "detail": "d"}
    report = {"id": "int8", "technique": "t", "wall_s": 1, "cpu_s": 1, "facts": {"scales": 4}}
    async with world.parts.writing() as session:
        await session.execute(update(Step).values(state="reused", fraction=1.0, report=report))
    await world.ends(job_id, "failed", verdict=verdict, progress=progress, failure=failure)
    body = (await world.client.get(f"/v1/jobs/{job_id}")).json()
    assert body["verdict"] == verdict
    assert (body["progress"]["fraction"], body["progress"]["eta_s"]) == (0.25, None)
    assert body["failure"]["class"] == "internal"
    assert (body["steps"][0]["state"], body["steps"][0]["facts"]) == ("reused", {"scales": 4})


async def test_a_technique_says_its_phase_its_needs_and_its_schema(world: Any) -> None:
    listed = {t["technique"]: t for t in (await world.client.get("/v1/techniques")).json()}
    static = listed["quantize.static"]
    assert (static["phase"], static["needs"]["calibration"]) == ("lower", True)
    assert static["summary"].endswith("the ranges come from calibration data.")
    assert static["json_schema"]["properties"]["format"]["default"] == "qoperator"
    assert not re.search("\n", static["summary"])


@pytest.mark.parametrize("label", ["team", 'te"am:cam', ":cam"])
async def test_a_label_filter_that_no_job_can_have_is_refused(world: Any, label: str) -> None:
    answer = await world.client.get("/v1/jobs", params={"label": label})
    assert (answer.status_code, answer.json()["param"]) == (400, "label")


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
