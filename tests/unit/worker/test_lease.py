"""A lease is lost when the row says so, or when nobody could be asked for very long."""

import time
from collections.abc import Callable
from typing import Any, Self

import pytest
from sqlalchemy.exc import OperationalError, ProgrammingError

from app.store.queue import Fence, Standing
from lathe.errors import GpuQuotaReached
from worker.allowance import Allowance
from worker.lease import Lease


class Rows:
    """Sessions over no database: every beat gets the next answer, the last one for ever."""

    def __init__(self, *answers: Standing | Exception) -> None:
        self.answers = list(answers)
        self.asked = 0

    def begin(self) -> Any:
        return self

    def __call__(self) -> Any:
        return self

    def connection(self, execution_options: dict[str, bool]) -> None:
        assert execution_options == {"read_only": True}

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


class Looked(Allowance):
    """An allowance of which each look gives the next answer."""

    def __init__(self, *answers: GpuQuotaReached | Exception | None) -> None:
        self.answers, self.over, self.looks = list(answers), None, 0

    @property
    def limited(self) -> bool:
        return self.over is None

    def look(self, session: object) -> None:
        self.looks += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, GpuQuotaReached):
            self.over = answer
        elif answer is not None:
            raise answer


def lease(
    rows: Rows,
    monkeypatch: pytest.MonkeyPatch,
    patience_s: float,
    allowance: Allowance | None = None,
) -> Lease:
    monkeypatch.setattr("worker.lease.beat", rows.beat)
    fence = Fence("job_1", 1)
    return Lease(rows, fence, 0.02, patience_s, allowance)  # type: ignore[arg-type]


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


def test_an_allowance_is_looked_at_until_it_is_over_and_the_lease_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows, over = Rows(Standing.HELD), GpuQuotaReached("used up")
    allowance = Looked(None, None, over)
    with lease(rows, monkeypatch, 30, allowance) as held:
        until(lambda: rows.asked > 5)
        assert not held.lost.is_set()
    assert (allowance.over, allowance.looks) == (over, 3)


def test_a_look_that_fails_is_made_up_for_and_costs_no_lease(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows, over = Rows(Standing.HELD), GpuQuotaReached("used up")
    allowance = Looked(*[AWAY] * 12, over)  # for longer than the lease and all patience
    with lease(rows, monkeypatch, 0.02, allowance) as held:
        until(lambda: allowance.over is over)
        assert not held.lost.is_set()


def test_a_bug_in_a_look_gives_the_job_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("threading.excepthook", lambda _: None)
    wrong = ProgrammingError("select", None, Exception("no such column"))
    with lease(Rows(Standing.HELD), monkeypatch, 30, Looked(wrong)) as held:
        until(held.lost.is_set)
