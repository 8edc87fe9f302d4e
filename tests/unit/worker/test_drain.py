"""What a stopping worker still does."""

import time

import pytest

from worker.drain import Drain


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_a_job_may_go_on_until_the_grace_is_over(clock: list[float]) -> None:
    drain = Drain(grace_s=25)
    assert (drain.begun, drain.over) == (False, False)
    drain.begin()
    clock[0] = 124.0
    assert (drain.begun, drain.over) == (True, False)
    clock[0] = 125.0
    assert drain.over


def test_asking_again_does_not_lengthen_the_grace(clock: list[float]) -> None:
    drain = Drain(grace_s=10)
    drain.begin()
    clock[0] = 109.0
    drain.begin()
    clock[0] = 110.0
    assert drain.over


def test_hastening_ends_the_grace_at_once_and_no_grace_is_none(clock: list[float]) -> None:
    hurried, none = Drain(grace_s=10), Drain(grace_s=0)
    hurried.begin()
    hurried.hasten()
    none.begin()
    assert hurried.over
    assert none.over
