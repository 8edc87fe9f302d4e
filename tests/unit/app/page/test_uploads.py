"""The pages of models and data sets, and uploading with a session."""

import re
from typing import Any

import pytest
from sqlalchemy import update

from app.store.rows import Job, Model
from lathe import ids

pytestmark = pytest.mark.anyio


async def test_a_model_is_uploaded_with_the_session_and_its_guard(
    world: Any, browser: Any
) -> None:
    path = "/v1/models?name=net.onnx"
    assert (await browser.client.post(path, content=b"net")).status_code == 403
    headers = {"X-Lathe-Guard": browser.guard}
    answer = await browser.client.post(path, content=b"net", headers=headers)
    assert answer.status_code == 201
    page = await browser.see(f"/models/{answer.json()['id']}")
    assert "being inspected" in page
    assert 'hx-trigger="every 1s"' in page
    assert "net.onnx" in await browser.see("/models")


async def test_a_ready_model_shows_doors_sizes_and_layers(world: Any, browser: Any) -> None:
    model = await world.model()
    page = await browser.see(f"/models/{model}")
    for said in (
        "n \u00d7 3 \u00d7 4 \u00d7 5",
        "conv1.weight",
        "420",
        f"/compose?model={model}",
    ):
        assert said in page, said
    assert "every 1s" not in page


async def test_a_rejected_model_says_why(world: Any, browser: Any) -> None:
    page = await browser.see(f"/models/{await world.model('rejected')}")
    assert "The file ends early" in page
    assert "/compose?model" not in page


async def test_what_jobs_made_of_a_model_is_one_plot(world: Any, browser: Any) -> None:
    model = await world.model()
    for accuracy, size in ((0.9, 100), (0.8, 200)):
        job = await world.job(model=model)
        await world.measurement(job, model, "size_bytes", size)
        await world.measurement(job, model, "accuracy", accuracy)
        await world.ends(job)
    page = await browser.see(f"/models/{model}")
    assert page.count('data-front="1"') == 1
    assert page.count('data-front="0"') == 1
    assert "90.00 %" in page


async def test_a_data_set_shows_its_splits(world: Any, browser: Any) -> None:
    data = await world.dataset()
    page = await browser.see(f"/datasets/{data}")
    for said in ("train", "11 examples", "3 \u00d7 4 \u00d7 5", "int64", "one number"):
        assert said in page, said
    assert data in await browser.see("/datasets")


async def test_the_overview_begins_with_the_first_steps(world: Any, browser: Any) -> None:
    assert "Upload a model" in await browser.see("/")
    await world.model()
    await world.dataset()
    await world.job()
    page = await browser.see("/")
    assert "Upload a model" not in page
    assert page.count('href="/jobs/job_') == 1


async def test_a_data_set_says_what_it_holds(world: Any, browser: Any) -> None:
    fields = [{"name": "x", "dtype": "float32", "shape": [2]}]
    sample = {"source": "line 2", "texts": ["a <b> c"], "values": {"x": [0.5, 12345.678]}}
    split = {"name": "train", "examples": 5, "fields": fields}
    summary = {
        "splits": [split | {"samples": [sample]}],
        "classes": [
            {"label": 0, "name": "rose", "examples": {"train": 4}},
            {"label": 1, "name": None, "examples": {"train": 1}},
        ],
        "missing": [{"column": "width", "values": 1234, "handled": "filled by the mean"}],
    }
    facts = {"format": "csv", "splits": [split], "summary": summary}
    page = await browser.see(f"/datasets/{await world.dataset(facts)}")
    for said in ("rose", "filled by the mean", "1,234", "a &lt;b&gt; c", "1.235e+04", "line 2"):
        assert said in page, said
    widths = re.findall(r'bar-fill" width="([\d.]+)"', page)
    assert widths == ["100.00", "25.00"]


async def test_what_is_still_to_be_fetched_is_listed_and_shows_how_far_it_is(
    world: Any, browser: Any
) -> None:
    job = await world.job()
    async with world.parts.writing() as session:
        progress = {"fraction": 0.25, "message": "fetching", "unit": "bytes"}
        progress |= {"current": 250.0, "total": 1000.0}
        await session.execute(update(Job).values(progress=progress, state="running"))
    source = "https://example.org/net.onnx"
    row = Model(
        id=ids.new("mdl"),
        project_id=world.project_id,
        name="far away",
        state="pending",
        source=source,
        inspection_job_id=job,
    )
    await world.add(row)
    assert "far away" in await browser.see("/models")
    page = await browser.see(f"/models/{row.id}")
    assert f"It is fetched from {source}" in page
    assert 'value="25"' in page
    assert "250 B of 1 kB" in page
