"""The report as people open it: one file, in both colour schemes, on a phone and on paper."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from lathe.client import Client
from lathe.report import GroupScore, Report
from stage import Stage
from test_access import DESK, PHONE, found
from worker.engine.report.page import page as drawn


@pytest.fixture(scope="module")
def report(service: Stage) -> Report:
    with Client(service.url, service.key) as lathe:
        return lathe.report(service.job)


@pytest.fixture(scope="module", params=["as it is", "large"])
def file(
    request: pytest.FixtureRequest, report: Report, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The page of the job, and one of a hundred layers and sixty classes."""
    if request.param == "large":
        scores = tuple(
            GroupScore(
                name=f"class with the number {place}",
                examples=20,
                baseline={"recall": 0.9},
                candidate={"recall": 0.85},
                lost=place % 7,
                gained=place % 5,
            )
            for place in range(60)
        )
        layers = (report.layers * 100)[:100]
        report = report.model_copy(update={"classes": scores, "layers": layers})
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(drawn(report), encoding="utf-8")
    return path


def opened(chromium: Browser, file: Path, scheme: Any, width: int) -> Page:
    """Axe is a script, which the report's own policy forbids."""
    context = chromium.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=True
    )
    page = context.new_page()
    page.goto(file.as_uri())
    return page


@pytest.mark.parametrize("width", [DESK, PHONE])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_report_has_a_serious_violation_or_scrolls_sideways(
    chromium: Browser, file: Path, scheme: Any, width: int
) -> None:
    page = opened(chromium, file, scheme, width)
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert found(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.context.close()


def test_a_report_asks_for_nothing_and_runs_nothing(chromium: Browser, file: Path) -> None:
    context = chromium.new_context()
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(file.as_uri())
    assert [url for url in asked if not url.startswith("data:")] == [file.as_uri()]
    assert page.evaluate("document.scripts.length") == 0
    context.close()


def test_paper_is_white_whatever_the_screen_is(chromium: Browser, file: Path) -> None:
    page = opened(chromium, file, "dark", DESK)
    page.emulate_media(media="print", color_scheme="dark")
    style = "getComputedStyle(document.body)"
    assert page.evaluate(f"{style}.backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate(f"{style}.color") == "rgb(29, 27, 24)"
    page.context.close()
