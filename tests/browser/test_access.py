"""axe-core on every page, in both colour schemes and on a phone; nothing to scroll sideways."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from stage import Stage

VENDOR = Path(__file__).parent / "vendor"
AXE = (VENDOR / "axe-4.14.1.min.js").read_text()
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
SERIOUS = {"serious", "critical"}
PHONE, DESK = 390, 1280


def pages(service: Stage) -> dict[str, str]:
    return {
        "overview": "/",
        "jobs": "/jobs",
        "job": f"/jobs/{service.job}",
        "models": "/models",
        "model": f"/models/{service.model}",
        "datasets": "/datasets",
        "dataset": f"/datasets/{service.data}",
        "compose": "/compose",
        "steps": f"/compose?job={service.job}",
        "missing": "/jobs/job_none",
        "sign in": "/sign-in",
    }


def found(page: Page) -> list[str]:
    page.evaluate(AXE)
    options = {"runOnly": {"type": "tag", "values": RULES}}
    told: dict[str, Any] = page.evaluate("options => axe.run(document, options)", options)
    return [
        f"{each['impact']} {each['id']}: {node['html'][:160]} {node['failureSummary'][:300]}"
        for each in told["violations"]
        if each["impact"] in SERIOUS
        for node in each["nodes"]
    ]


def test_axe_is_the_file_that_was_taken() -> None:
    lines = (VENDOR / "SHA256SUMS").read_text().splitlines()
    for digest, name in (line.split("  ") for line in lines):
        assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == digest


@pytest.mark.parametrize("width", [DESK, PHONE])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_has_a_serious_violation_or_scrolls_sideways(
    chromium: Browser, service: Stage, scheme: Any, width: int
) -> None:
    context = chromium.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme
    )
    page = context.new_page()
    page.goto(f"{service.url}/sign-in")
    page.get_by_label("API key").fill(service.key)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{service.url}/")
    wrong = {}
    for name, path in pages(service).items():
        page.goto(service.url + path)
        page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        problems = found(page)
        wide = page.evaluate("document.documentElement.scrollWidth")
        if wide > width:
            problems.append(f"{wide} pixels wide")
        if problems:
            wrong[name] = problems
    context.close()
    assert not wrong
