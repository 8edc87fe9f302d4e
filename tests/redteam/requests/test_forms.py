"""Forms of the page that no browser sends."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from app.page.forms import read
from app.page_session import COOKIE, guard_of
from tests.redteam.door import Door

STEPS = 1600


@contextmanager
def browser(door: Door) -> Iterator[httpx.Client]:
    """Somebody who is signed in with this key."""
    with httpx.Client(base_url=door.url, trust_env=False, timeout=90) as client:
        assert client.post("/sign-in", data={"key": door.key}).status_code == 303
        yield client


def sent(client: httpx.Client) -> httpx.Response:
    """The answer to a form of so many steps, which is within every limit of a request."""
    form = {"guard": guard_of(client.cookies[COOKIE]), "do": "redraw", "pipeline.#": "1"}
    for number in range(STEPS):
        form[f"pipeline.{number}.technique"] = "train.distill"
        form[f"pipeline.{number}.teachers.#"] = form[f"pipeline.{number}.features.#"] = "1"
    return client.post("/compose", data=form)


class TestStepsWithoutEnd:
    """A form of 1,600 steps: reading it takes their square, drawing it a page of megabytes"""

    seen = "400, a page that says so"
    guard = "a list of a form has a few items more than the spec allows, and no more"

    def test_it_is_refused_by_name(self, door: Door) -> None:
        with browser(door) as client:
            answer = sent(client)
        assert answer.status_code == 400
        assert f"{STEPS} items at pipeline; send at most 32" in answer.text

    def test_all_of_them_are_shown_without_the_guard(
        self, breached: Door, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(read, "_SPARE", 1 << 20)
        with browser(breached) as client:
            answer = sent(client)
        assert answer.status_code == 200
        assert answer.text.count("step-card") == STEPS
        assert len(answer.content) > 50 * len(answer.request.content)
