"""The list of jobs and the page of one of them."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from app.store.rows import Job, Step
from app.store.rows.base import utc_now

pytestmark = pytest.mark.anyio
VERDICT = {
    "best": "int8",
    "constraints_met": True,
    "realised": "smaller",
    "sentence": "4.0x smaller; accuracy 90.00 -> 89.50 %.",
}


def measured(size: int, accuracy: float, latency: float) -> list[dict[str, Any]]:
    return [
        {"metric": "size_bytes", "value": size, "unit": "bytes"},
        {"metric": "accuracy", "value": accuracy, "unit": "fraction"},
        {"metric": "latency_ms", "value": latency, "unit": "ms", "batch_size": 1},
    ]


def report(spec: dict[str, Any]) -> dict[str, Any]:
    return {
        "spec": spec,
        "verdict": VERDICT,
        "baseline": {
            "id": "baseline",
            "file": "model.onnx",
            "sha256": "0" * 64,
            "measurements": measured(8000, 0.9, 0.5),
        },
        "candidates": [
            {
                "id": "int8",
                "file": "small.onnx",
                "sha256": "1" * 64,
                "measurements": measured(2000, 0.895, 0.2),
            }
        ],
        "steps": [],
        "layers": [
            {
                "layer": "conv1.<b>weight",
                "operator": "Conv",
                "bytes_before": 400,
                "bytes_after": 100,
                "shape_before": [2, 3],
                "shape_after": [2, 3],
                "nonzero": 0.25,
                "dtype": "int8",
                "sqnr_db": 31.25,
            }
        ],
        "environment": {
            "lathe_version": "0",
            "libraries": {},
            "cpu": "played",
            "cores": 2,
            "threads": 1,
            "device": "cpu",
            "platform": "played",
            "seed": 5,
        },
    }


async def finished(world: Any) -> str:
    data = await world.dataset()
    evaluation = {"dataset": data, "split": "train"}
    job: str = await world.job(
        data={"evaluation": evaluation},
        task={"kind": "classification"},
        pipeline=[{"id": "int8", "technique": "quantize.dynamic"}],
    )
    spec = (await world.client.get(f"/v1/jobs/{job}")).json()["spec"]
    content = json.dumps(report(spec)).encode()
    await world.artifact(job, content, "report.json", "application/json")
    await world.artifact(job, b"<p>proof", "report.html", "text/html")
    await world.artifact(job, b"onnx bytes")
    await world.ends(job, verdict=VERDICT)
    return job


async def test_a_finished_job_shows_its_proof(world: Any, browser: Any) -> None:
    job = await finished(world)
    page = await browser.see(f"/jobs/{job}")
    assert VERDICT["sentence"] in page.replace("&gt;", ">")
    for said in ("8 kB", "2 kB", "4.00x smaller", "-0.50 points", "2.50x faster", "31.2 dB"):
        assert said in page, said
    assert f"/v1/jobs/{job}/report.html" in page
    points = re.findall(r'data-size="([\d.]+)" data-score="([\d.]+)".*data-front="(\d)"', page)
    assert points == [("2000.0", "0.895", "1"), ("8000.0", "0.9", "1")]


async def test_a_download_works_with_the_cookie_alone(world: Any, browser: Any) -> None:
    job = await finished(world)
    page = await browser.see(f"/jobs/{job}")
    found = re.search(r'href="(/v1/artifacts/\w+/content)" download="small onnx"', page)
    assert found
    assert await browser.see(found[1]) == "onnx bytes"


async def test_names_of_layers_and_jobs_are_text_whatever_they_say(
    world: Any, browser: Any
) -> None:
    job = await finished(world)
    page = await browser.see(f"/jobs/{job}")
    assert "conv1.&lt;b&gt;weight" in page
    await world.job(name="<script>alert(1)</script>")
    assert "<script>alert" not in await browser.see("/jobs")


async def test_a_running_job_shows_its_step_and_can_be_cancelled(
    world: Any, browser: Any
) -> None:
    job = await world.job()
    async with world.parts.writing() as session:
        running = {"state": "running", "started_at": utc_now() - timedelta(seconds=70)}
        progress = {"step": "1-quantize_dynamic", "fraction": 0.25, "message": "layer 5"}
        await session.execute(update(Job).values(**running, progress=progress))
        await session.execute(update(Step).values(state="running", fraction=0.25))
    row = await browser.see("/jobs/rows")
    assert 'value="25"' in row
    assert "1-quantize_dynamic, layer 5, 1 min 10 s" in row
    assert f'hx-sse:connect="/jobs/{job}/live"' in await browser.see(f"/jobs/{job}")
    answer = await browser.send(f"/jobs/{job}/cancel", {})
    assert answer.headers["location"] == f"/jobs/{job}"
    assert "Cancelling" in await browser.see(f"/jobs/{job}")


async def test_the_live_stream_of_an_ended_job_says_so_and_ends(
    world: Any, browser: Any
) -> None:
    job = await world.job()
    await world.ends(job, "failed")
    answer = await browser.client.get(f"/jobs/{job}/live")
    assert answer.headers["content-type"].startswith("text/event-stream")
    steps, last = answer.text.strip().split("\n\n")
    assert "quantize.dynamic" in steps
    assert "event: ended" in last


async def test_a_failed_job_is_run_again_as_a_new_one(world: Any, browser: Any) -> None:
    job = await world.job()
    failure = {"code": "timeout", "class": "timeout", "retryable": True, "detail": "too slow"}
    await world.ends(job, "failed", failure=failure)
    assert "Too slow" in await browser.see(f"/jobs/{job}")
    answer = await browser.send(f"/jobs/{job}/retry", {})
    again = await browser.see(answer.headers["location"])
    assert f'<a href="/jobs/{job}">runs an earlier job again</a>' in again


async def test_the_list_goes_by_cursor_and_state(world: Any, browser: Any) -> None:
    model = await world.model()
    for _ in range(27):
        await world.job(model=model)
    first = await browser.see("/jobs")
    assert first.count('<th scope="row">') == 25
    found = re.search(r'href="(/jobs\?cursor=[\w-]+)"', first)
    assert found
    assert (await browser.see(found[1])).count('<th scope="row">') == 2
    assert "There is no such job." in await browser.see("/jobs?state=failed")


async def test_what_is_not_there_or_not_ours_is_a_page_that_says_so(
    world: Any, browser: Any, opens: Any
) -> None:
    page = await browser.see("/jobs/job_none", 404)
    assert "There is no such job." in page
    assert "<!doctype html>" in page
    job = await world.job()
    stranger = await opens()
    await stranger.sign_in(world.stranger.headers["authorization"].removeprefix("Bearer "))
    await stranger.see(f"/jobs/{job}", 404)
    await stranger.see(f"/jobs/{job}/live", 404)
    assert job not in await stranger.see("/jobs")
    assert (await browser.client.get("/jobs?cursor=x")).status_code == 400
