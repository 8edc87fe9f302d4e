"""Progress where there is no terminal: one line for each change, on stderr."""

import pytest

from lathe.cli.bars import step_bars
from lathe.views import JobView
from tests.unit.lathe.cli.played import job


def shown(state: str, *steps: tuple[str, str], **more: object) -> JobView:
    listed = [{"id": name, "technique": "t", "state": now} for name, now in steps]
    return JobView.model_validate(job(state, steps=listed, **more))


def test_each_change_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    with step_bars() as seen:
        seen(shown("queued", ("a", "pending"), ("b", "pending"), waiting_for="a worker"))
        seen(shown("queued", ("a", "pending"), ("b", "pending"), waiting_for="a worker"))
        seen(shown("running", ("a", "reused"), ("b", "running")))
        seen(shown("running", ("a", "reused"), ("b", "running")))
        seen(shown("failed", ("a", "reused"), ("b", "failed")))
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == [
        "waiting: a worker",
        "step 1/2 a: reused",
        "step 2/2 b: running",
        "step 2/2 b: failed",
    ]
