"""A lease is lost when the row says so, or when nobody could be asked for very long."""

import time
from collections.abc import Callable
from typing import Any, Self

import pytest
from sqlalchemy.exc import OperationalError

from app.store.queue import Fence, Standing
from worker.lease import Lease


class Rows:
    """Sessions over no database: every beat gets the next answer, the last one for ever."""

    def __init__(self, *answers: Standing | Exception) -> None:
        self.answers = list(answers)
        self.asked = 0

    def begin(self) -> Any:
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def beat(self, *_: object) -> Standing:
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


AWAY = OperationalError("update", None, Exception("connection refused"))


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def lease(rows: Rows, monkeypatch: pytest.MonkeyPatch, patience_s: float) -> Lease:
    monkeypatch.setattr("worker.lease.beat", rows.beat)
    return Lease(rows, Fence("job_1", 1), 0.02, patience_s)  # type: ignore[arg-type]


def test_a_database_that_is_away_longer_than_the_lease_loses_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = Rows(*[AWAY] * 12, Standing.HELD)  # twelve beats are three leases
    with lease(rows, monkeypatch, patience_s=30) as held:
        until(lambda: rows.asked > 14)
        assert not held.lost.is_set()


def test_a_row_that_another_has_is_lost_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = Rows(AWAY, Standing.HELD, Standing.LOST)
    with lease(rows, monkeypatch, patience_s=30) as held:
        until(held.lost.is_set)
    assert rows.asked == 3


def test_a_database_that_never_comes_back_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    with lease(Rows(AWAY), monkeypatch, patience_s=0.1) as held:
        began_s = time.monotonic()
        until(held.lost.is_set)
    assert time.monotonic() - began_s >= 0.05
