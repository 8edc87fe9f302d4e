"""From an upload to a download with the mouse."""

import hashlib
import re
from pathlib import Path

import httpx
import onnx
from playwright.sync_api import Page, expect

from stage import Stage

JOB_MS = 180_000  # on a busy machine


def upload(page: Page, kind: str, file: Path, name: str) -> None:
    page.get_by_role("navigation", name="Main").get_by_role("link", name=kind).click()
    page.locator("#file").set_input_files(file)
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    expect(page.locator(".meta .state")).to_have_text("Ready", timeout=60_000)


def test_from_upload_to_download_by_mouse(inside: Page, service: Stage, tmp_path: Path) -> None:
    page = inside
    upload(page, "Models", service.model_file, "by mouse")
    expect(page.get_by_role("table").filter(has_text="w1").first).to_be_visible()
    upload(page, "Data", service.data_file, "splits by mouse")
    expect(page.get_by_text("200 examples")).to_be_visible()
    page.get_by_role("link", name="Compress with it").click()
    expect(page.get_by_label("Model", exact=True)).to_have_value(re.compile("^mdl_"))
    page.get_by_label("Task").select_option("classification")
    page.get_by_label("My own steps").check()
    for technique in ("quantize.dynamic", "prune.weights", "encode.entropy"):
        page.get_by_label("Next step").select_option(technique)
        page.get_by_role("button", name="Add the step").click()
        expect(page.locator(".step-card > legend").last).to_contain_text(technique)
    page.get_by_label("Sparsity").fill("0.6")
    page.get_by_role("button", name="Check it first").click()
    problems = page.get_by_role("region", name=re.compile("not right yet"))
    expect(problems).to_contain_text("prune.weights cannot follow quantize.dynamic")
    page.get_by_role("button", name="Move up step 2").click()
    page.get_by_role("button", name="Add to limit").click()
    page.get_by_label("Metric", exact=True).select_option("accuracy")
    page.get_by_label("Max drop").fill("0.5")
    page.get_by_role("button", name="Start the job").click()
    page.wait_for_url(re.compile("/jobs/job_"))
    expect(page.get_by_role("region", name="Verdict")).to_be_visible(timeout=JOB_MS)
    expect(page.locator("#announce")).to_contain_text("The job has succeeded")
    with page.expect_download() as download:
        page.get_by_role("link", name=re.compile(r"Download .*\.onnx")).click()
    file = tmp_path / "small.onnx"
    download.value.save_as(file)
    onnx.checker.check_model(onnx.load(file))
    job = page.url.rpartition("/")[2]
    headers = {"Authorization": f"Bearer {service.key}"}
    listed = httpx.get(f"{service.url}/v1/jobs/{job}/artifacts", headers=headers).json()
    digests = {each["sha256"] for each in listed["items"] if each["kind"] == "onnx"}
    assert hashlib.sha256(file.read_bytes()).hexdigest() in digests
    page.get_by_role("link", name="Open the report").click()
    expect(page).to_have_url(re.compile(r"report\.html$"))


def test_plots_are_drawn_from_their_tables(inside: Page, service: Stage) -> None:
    inside.goto(f"{service.url}/jobs/{service.job}")
    drawn = inside.locator("[data-pareto] canvas")
    expect(drawn).to_be_visible()
    width = drawn.evaluate("canvas => canvas.width")
    pixels = drawn.evaluate(
        "c => new Set(c.getContext('2d').getImageData(0, 0, c.width, c.height).data).size"
    )
    assert width > 300
    assert pixels > 10  # axes, dots and text, not an empty sheet
    assert inside.locator("#points tbody tr").count() == 3


def test_a_file_that_is_no_model_is_a_sentence_on_its_page(
    inside: Page, service: Stage
) -> None:
    inside.goto(f"{service.url}/models")
    inside.locator("#file").set_input_files(service.broken_file)
    inside.get_by_role("button", name="Upload").click()
    rejected = inside.get_by_role("region", name="Why it was rejected")
    expect(rejected).to_be_visible(timeout=60_000)


def test_a_wrong_key_is_a_sentence_and_the_field_has_the_focus(
    page: Page, service: Stage
) -> None:
    page.goto(service.url)
    page.get_by_label("API key").fill("lt_wrong_key")
    with page.expect_response("**/sign-in") as answered:
        page.get_by_role("button", name="Sign in").click()
    assert answered.value.status == 422
    expect(page.get_by_role("alert")).to_have_text("This API key is not known here.")
    expect(page.get_by_label("API key")).to_be_focused()


def test_a_running_job_is_followed_and_cancelled(inside: Page, service: Stage) -> None:
    spec = {
        "name": "a long one",
        "model": service.model,
        "data": {"train": {"dataset": service.data, "split": "train"}},
        "task": None,
        "pipeline": [{"technique": "train.distill", "epochs": 5000, "loss": {"hard": 0}}],
        "benchmark": None,
    }
    headers = {"Authorization": f"Bearer {service.key}"}
    job = httpx.post(f"{service.url}/v1/jobs", json=spec, headers=headers).json()["id"]
    inside.goto(f"{service.url}/jobs")
    row = inside.get_by_role("row").filter(has_text="a long one")
    expect(row.get_by_role("progressbar")).to_be_visible(timeout=60_000)
    row.get_by_role("link").click()
    steps = inside.locator(".steps")
    expect(steps.get_by_role("progressbar")).to_be_visible(timeout=60_000)
    before = steps.inner_text()
    expect(steps).not_to_have_text(before, timeout=60_000)
    inside.get_by_role("button", name="Cancel").click()
    expect(inside.locator(".now .state")).to_have_text("Cancelled", timeout=60_000)
    assert job in inside.url


def test_the_overview_shows_what_is_left_of_the_quotas(inside: Page) -> None:
    used = inside.get_by_role("region", name="Used of the quotas")
    stored = used.locator("div", has=inside.get_by_text("Stored", exact=True))
    expect(stored).to_contain_text("of 50 MB")
    width = stored.locator("svg rect").last.evaluate(
        "each => each.getBoundingClientRect().width"
    )
    room = stored.locator("svg").evaluate("each => each.getBoundingClientRect().width")
    assert 0 < width < room
    minutes = used.locator("div", has=inside.get_by_text("GPU minutes", exact=True))
    expect(minutes).to_contain_text(re.compile(r"0\.0\s*of 0, the next from \d{4}-\d\d-01"))
