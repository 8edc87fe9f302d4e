"""What is away is tried again, more and more slowly, and not for ever."""

import pytest
from sqlalchemy.exc import OperationalError, ProgrammingError

from lathe.errors import Missing, OutOfDisk, Unavailable
from worker.patience import Patience

AWAY = OperationalError("select", None, Exception("connection refused"))


class Clock:
    """Moves only while somebody pauses."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.pauses: list[float] = []

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now_s += seconds


def patience(clock: Clock, within_s: float, *, gives_up_after: int = 99) -> Patience:
    return Patience(
        within_s,
        lambda: len(clock.pauses) >= gives_up_after,
        pause=clock.pause,
        clock=lambda: clock.now_s,
    )


def fails(*errors: Exception) -> "Fails":
    return Fails(list(errors))


class Fails:
    """Raises one error after the other, then answers 7."""

    def __init__(self, errors: list[Exception]) -> None:
        self._errors = errors

    def __call__(self) -> int:
        if self._errors:
            raise self._errors.pop(0)
        return 7


def test_a_store_that_comes_back_in_time_costs_only_the_waiting() -> None:
    clock = Clock()
    waits = patience(clock, within_s=10)
    assert waits("storing", fails(Unavailable("away"), OutOfDisk("full"))) == 7
    assert clock.pauses == [0.5, 0.8]
    assert waits.waited_s == pytest.approx(1.3)
    assert waits("storing", fails()) == 7
    assert waits.waited_s == pytest.approx(1.3)


def test_what_goes_through_at_once_gets_no_line(caplog: pytest.LogCaptureFixture) -> None:
    at_once = Patience(10, lambda: False)  # by the real clock, which moves meanwhile
    assert at_once("storing", fails()) == 7
    assert caplog.text == ""


def test_a_store_that_stays_away_is_given_up_and_a_database_is_not() -> None:
    clock = Clock()
    with pytest.raises(Unavailable, match="away"):
        patience(clock, within_s=2)("storing", fails(*[Unavailable("away")] * 9))
    assert clock.pauses == [0.5, 0.8, pytest.approx(1.28)]  # 2.58 s: one try more than 2 s
    clock = Clock()
    assert patience(clock, within_s=2)("writing", fails(*[AWAY] * 12)) == 7
    assert max(clock.pauses) == 5.0


def test_who_must_stop_waits_no_longer() -> None:
    clock = Clock()
    with pytest.raises(Unavailable, match="does not answer"):
        patience(clock, within_s=60, gives_up_after=3)("writing", fails(*[AWAY] * 9))
    assert len(clock.pauses) == 3


def test_what_waiting_cannot_mend_is_raised_at_once() -> None:
    clock = Clock()
    for error in (Missing("gone"), ProgrammingError("selct", None, Exception("syntax"))):
        with pytest.raises(type(error)):
            patience(clock, within_s=60)("staging", fails(error))
    assert clock.pauses == []
