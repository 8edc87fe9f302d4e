"""From an upload to a download without a mouse: Tab, arrows, typing and Enter alone."""

import re
from pathlib import Path

from playwright.sync_api import Page, expect

from stage import Stage

MOST_TABS = 150
JOB_MS = 180_000
NAME = """() => {
  const e = document.activeElement;
  const label = e.labels?.[0]?.innerText ?? e.getAttribute("aria-label") ?? e.innerText ?? "";
  return label.replace(/\\s+/g, " ").trim();
}"""


def reach(page: Page, name: str) -> None:
    """Press Tab until what has this name has the focus, which then can be seen."""
    seen = []
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        seen.append(page.evaluate(NAME))
        if re.fullmatch(name, seen[-1]):
            focused = page.locator(":focus")
            outline = focused.evaluate("e => getComputedStyle(e).outlineStyle")
            assert outline != "none", f"{name}: the focus cannot be seen"
            return
    raise AssertionError(f"{name} is out of reach; there are {seen}")


def press(page: Page, name: str, key: str = "Enter") -> None:
    reach(page, name)
    page.keyboard.press(key)


def choose(page: Page, label: str, typed: str) -> None:
    """Of a closed list, by typing the beginning of the wanted line."""
    reach(page, label)
    page.keyboard.type(typed)


def upload(page: Page, kind: str, what: str, file: Path, name: str) -> None:
    press(page, kind)
    expect(page.get_by_role("heading", level=1)).to_have_text(kind)
    reach(page, what)
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Space")
    chooser.value.set_files(file)
    reach(page, r"Name.*")
    page.keyboard.type(name)
    press(page, "Upload")
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    expect(page.locator(".meta .state")).to_have_text("Ready", timeout=60_000)


def test_from_upload_to_download_by_keyboard(
    page: Page, service: Stage, tmp_path: Path
) -> None:
    page.on("filechooser", lambda _: None)  # else the first could come before it is caught
    page.goto(f"{service.url}/sign-in")
    reach(page, "API key")
    page.keyboard.type(service.key)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
    upload(page, "Models", "Model file", service.model_file, "by keyboard")
    upload(page, "Data", "Data file", service.data_file, "splits by keyboard")
    press(page, "Compress with it")
    expect(page.get_by_role("heading", level=1)).to_have_text("Compress a model")
    choose(page, "Task", "classification")
    reach(page, "int8")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_label("My own steps")).to_be_checked()
    expect(page.get_by_label("Next step")).to_be_visible()
    choose(page, "Next step", "quantize.dynamic")
    press(page, "Add the step")
    expect(page.locator(".step-card > legend")).to_contain_text("quantize.dynamic")
    press(page, "Start the job")
    page.wait_for_url(re.compile("/jobs/job_"))
    expect(page.get_by_role("region", name="Verdict")).to_be_visible(timeout=JOB_MS)
    reach(page, r"Download .*\.onnx")
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    download.value.save_as(tmp_path / "small.onnx")
    assert (tmp_path / "small.onnx").stat().st_size > 0


def test_the_first_tab_skips_to_the_content(inside: Page) -> None:
    inside.reload()
    inside.keyboard.press("Tab")
    assert inside.evaluate(NAME) == "Skip to the content"
    inside.keyboard.press("Enter")
    assert inside.evaluate("document.activeElement.id") == "main"


def test_what_is_wrong_is_reached_from_the_list_of_problems(
    inside: Page, service: Stage
) -> None:
    inside.goto(f"{service.url}/compose")
    reach(inside, r"Max drop.*")
    inside.keyboard.type("5")
    press(inside, "Check it first")
    expect(inside.locator("#problems")).to_be_focused()
    press(inside, r"pipeline\.max_drop")
    inside.keyboard.press("Tab")
    field = inside.get_by_label("Max drop")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_value("5")
