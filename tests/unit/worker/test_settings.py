"""Settings that depend on each other."""

import os

import pytest

from worker.settings import Settings


@pytest.mark.parametrize(("slots", "threads"), [(1, 7), (2, 3), (3, 2), (9, 1)])
def test_slots_share_the_cores(
    slots: int, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(7)))
    assert Settings(slots=slots).threads == threads
    assert Settings(slots=slots, threads=5).threads == 5


def test_a_wrong_number_of_slots_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LATHE_SLOTS", "none")
    with pytest.raises(SystemExit, match="LATHE_SLOTS"):
        Settings.from_environment()
