"""What is kept of finished jobs, for how long, and what goes first."""

import pytest

from app.follow import kept
from app.follow.kept import KeptJobs
from app.follow.prepared import PreparedJob


def finished(body: bytes) -> PreparedJob:
    return PreparedJob(body, '"e"', finished=True)


def test_a_finished_job_is_kept_for_its_own_project_only() -> None:
    jobs = KeptJobs()
    jobs.keep("prj_1", "job_1", finished(b"x"))
    assert jobs.get("prj_1", "job_1") == finished(b"x")
    assert jobs.get("prj_2", "job_1") is None
    assert jobs.get("prj_1", "job_2") is None


def test_an_unfinished_job_is_not_kept() -> None:
    jobs = KeptJobs()
    jobs.keep("prj_1", "job_1", PreparedJob(b"x", 'W/"e"', finished=False))
    assert jobs.get("prj_1", "job_1") is None


def test_the_one_asked_for_longest_ago_makes_room() -> None:
    jobs = KeptJobs(max_entries=2)
    for name in ("a", "b"):
        jobs.keep("p", name, finished(b"x"))
    assert jobs.get("p", "a") is not None
    jobs.keep("p", "c", finished(b"x"))
    assert [jobs.get("p", name) is not None for name in "abc"] == [True, False, True]


def test_bytes_are_bounded_too_and_counted_once() -> None:
    jobs = KeptJobs(max_bytes=7)
    for _ in range(3):
        jobs.keep("p", "a", finished(b"123"))
    jobs.keep("p", "b", finished(b"4567"))
    assert jobs.get("p", "a") is not None  # 3 + 4 bytes
    jobs.keep("p", "c", finished(b"8"))  # b is the oldest now
    assert [jobs.get("p", name) is not None for name in "abc"] == [True, False, True]
    jobs.keep("p", "huge", finished(b"12345678"))
    assert jobs.get("p", "huge") is None
    assert jobs.get("p", "c") is not None


def test_what_was_kept_is_read_again_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(kept.time, "monotonic", lambda: now)
    jobs = KeptJobs()
    jobs.keep("p", "a", finished(b"x"))
    now += 29.9
    assert jobs.get("p", "a") is not None  # being asked for does not prolong it
    now += 0.2
    assert jobs.get("p", "a") is None
