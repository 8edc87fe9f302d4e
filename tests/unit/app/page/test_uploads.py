"""The pages of models and data sets, and uploading with a session."""

from typing import Any

import pytest

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
