"""A running service, and the Chromium of this machine (LATHE_CHROMIUM, /usr/bin/chromium)."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    expect,
    sync_playwright,
)

from stage import Stage, staged

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A service with a model, data and a finished job."""
    with staged(tmp_path_factory.mktemp("browser")) as stage:
        yield stage


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    path = os.environ.get("LATHE_CHROMIUM", "/usr/bin/chromium")
    if not Path(path).exists():
        pytest.fail(f"there is no browser at {path}; apt-get install chromium, or name one")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    made = chromium.new_context(viewport={"width": 1280, "height": 900})
    made.set_default_timeout(30_000)
    expect.set_options(timeout=30_000)
    yield made
    made.close()


def _note(trouble: list[str], said: ConsoleMessage) -> None:
    """Chromium writes refused forms to the console, too; those are answers."""
    if said.type == "error" and "status of 4" not in said.text:
        trouble.append(said.text)


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A page that nobody is signed in on; at the end no script may have failed."""
    trouble: list[str] = []
    made = context.new_page()
    made.on("pageerror", lambda error: trouble.append(str(error)))
    made.on("console", lambda said: _note(trouble, said))
    yield made
    assert not trouble


@pytest.fixture
def inside(page: Page, service: Stage) -> Page:
    """The overview, signed in."""
    page.goto(f"{service.url}/sign-in")
    page.get_by_label("API key").fill(service.key)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
    return page
