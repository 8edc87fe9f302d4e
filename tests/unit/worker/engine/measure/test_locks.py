"""The timing lock between two descriptors, as between two children."""

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from worker.engine.measure.locks import BREATHS_APART_S, TimingLock


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[TimingLock, TimingLock]]:
    path = tmp_path / "lock"
    path.touch()
    fds = [os.open(path, os.O_RDONLY), os.open(path, os.O_RDONLY)]
    yield TimingLock(fds[0]), TimingLock(fds[1])
    for fd in fds:
        os.close(fd)


def test_work_is_shared_and_timing_is_alone(pair: tuple[TimingLock, TimingLock]) -> None:
    one, other = pair
    with one.shared(), other.shared():
        pass
    with one.shared(), other.exclusive(0.0) as alone:
        assert not alone
    with other.exclusive(0.0) as alone:
        assert alone
    with one.exclusive(0.0) as first, other.exclusive(0.0) as second:
        assert (first, second) == (True, False)


def test_a_breath_lets_a_waiting_timing_in(pair: tuple[TimingLock, TimingLock]) -> None:
    worker, timer = pair
    obtained: list[bool] = []

    def time_it() -> None:
        with timer.exclusive(5.0) as alone:
            obtained.append(alone)

    with worker.shared():
        thread = threading.Thread(target=time_it)
        thread.start()
        end = time.monotonic() + 5
        while not obtained and time.monotonic() < end:
            time.sleep(BREATHS_APART_S / 5)
            worker.breathe()
        thread.join()
        assert obtained == [True]
        with timer.exclusive(0.0) as alone:
            assert not alone  # the worker holds its share again


def test_breathing_outside_work_takes_nothing(pair: tuple[TimingLock, TimingLock]) -> None:
    idle, timer = pair
    time.sleep(BREATHS_APART_S)
    idle.breathe()
    with timer.exclusive(0.0) as alone:
        assert alone


def test_a_share_does_not_become_a_timing(pair: tuple[TimingLock, TimingLock]) -> None:
    with pair[0].shared(), pytest.raises(RuntimeError), pair[0].exclusive(0.0):
        pass


def test_without_a_lock_everything_succeeds_at_once() -> None:
    lock = TimingLock()
    with lock.shared():
        lock.breathe()
    with lock.exclusive(0.0) as alone:
        assert alone
