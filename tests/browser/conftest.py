"""A running service, and the Chromium of this machine (LATHE_CHROMIUM, /usr/bin/chromium)."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    expect,
)

from browse import running
from stage import Stage, staged


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A service with a model, data and a finished job."""
    with staged(tmp_path_factory.mktemp("browser")) as stage:
        yield stage


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with running() as browser:
        yield browser


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
