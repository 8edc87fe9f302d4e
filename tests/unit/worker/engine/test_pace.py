"""Progress reports."""

from types import SimpleNamespace

import pytest

from lathe.views import Progress
from worker.engine import pace
from worker.engine.pace import Pace


def test_reports_come_twice_a_second_at_most_and_at_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now_s = [100.0]
    monkeypatch.setattr(pace, "time", SimpleNamespace(monotonic=lambda: now_s[0]))
    said: list[Progress] = []
    steps = Pace(said.append, total=10, unit="examples", started_s=100.0)
    for _ in range(10):
        now_s[0] += 0.2
        steps.add(1)
    assert [report.current for report in said] == [1, 4, 7, 10]
    assert said[1].fraction == pytest.approx(0.4)
    assert said[1].eta_s == pytest.approx(0.8 * 0.6 / 0.4)
    assert (said[3].fraction, said[3].eta_s) == (1.0, 0.0)


def test_a_stage_reports_its_part_of_the_step() -> None:
    said: list[Progress] = []
    stage = Pace(said.append, total=4, unit="rounds", first=0.5, last=0.9)
    stage.add(4)
    assert said[0].fraction == pytest.approx(0.9)


def test_what_was_foreseen_but_not_needed_is_skipped_once() -> None:
    said: list[Progress] = []
    steps = Pace(said.append, total=7, unit="examples")
    steps.add(3)
    steps.finish()
    steps.finish()
    assert [report.current for report in said] == [3, 7]
