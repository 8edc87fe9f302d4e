"""Jobs once they are there: listing, following, cancelling and retrying."""

import asyncio
import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from app.store.rows import Dataset, Job, Step
from app.store.rows.base import utc_now

pytestmark = pytest.mark.anyio
PIPELINE = [
    {"technique": "optimize.graph"},
    {"id": "int8", "technique": "quantize.dynamic", "exclude": ["fc.weight"]},
]


async def spec_for(world: Any, **more: Any) -> dict[str, Any]:
    return {"model": await world.model(), "pipeline": PIPELINE, **more}


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
    assert first.headers["etag"] == f'W/"{job_id}-1"'  # weak: its clocks go on
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


async def test_a_recipe_says_what_it_is_and_its_options(world: Any) -> None:
    listed = {r["recipe"]: r for r in (await world.client.get("/v1/recipes")).json()}
    assert list(listed) == ["deep-compression", "int8", "slim-50"]
    deep = listed["deep-compression"]
    assert deep["summary"].startswith("The smallest packed file that keeps the target")
    assert deep["json_schema"]["properties"]["profile"]["default"] == "small"


@pytest.mark.parametrize("label", ["team", 'te"am:cam', ":cam"])
async def test_a_label_filter_that_no_job_can_have_is_refused(world: Any, label: str) -> None:
    answer = await world.client.get("/v1/jobs", params={"label": label})
    assert (answer.status_code, answer.json()["param"]) == (400, "label")
