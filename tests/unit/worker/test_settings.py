"""Settings that depend on each other."""

import os

import pytest

from lathe.states import Queue
from worker.settings import Settings


@pytest.mark.parametrize(("slots", "threads"), [(1, 7), (2, 3), (3, 2), (9, 1)])
def test_slots_share_the_cores(
    slots: int, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(7)))
    assert Settings(slots=slots).threads == threads
    assert Settings(slots=slots, threads=5).threads == 5


@pytest.mark.parametrize(("container_gib", "job_gib"), [(None, 16), (64, 16), (8, 7), (1.5, 1)])
def test_a_job_may_have_less_than_its_container(
    container_gib: float | None, job_gib: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = None if container_gib is None else int(container_gib * (1 << 30))
    monkeypatch.setattr("worker.settings.memory_limit_bytes", lambda: limit)
    settings = Settings(inspect_memory_bytes=3 << 30)
    assert settings.child_memory_bytes == job_gib << 30
    assert settings.inspect_memory_bytes == 3 << 30
    assert Settings().inspect_memory_bytes == job_gib << 30


def test_a_wrong_number_of_slots_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LATHE_SLOTS", "none")
    with pytest.raises(SystemExit, match="LATHE_SLOTS"):
        Settings.from_environment()


@pytest.mark.parametrize("wrong", ["5,x", "0", "-3", "700000"])
def test_waits_of_deliveries_that_are_no_seconds_are_named(
    wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LATHE_WEBHOOK_RETRIES_S", wrong)
    with pytest.raises(SystemExit, match="LATHE_WEBHOOK_RETRIES_S: write seconds"):
        Settings.from_environment()


def test_an_empty_variable_of_the_stack_is_an_unset_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("ENDPOINT", "ACCESS_KEY_ID", "SECRET_ACCESS_KEY"):
        monkeypatch.setenv(f"LATHE_SOURCES_S3_{name}", "")
    assert Settings.from_environment().sources_s3_endpoint is None


def test_the_queue_gpu_has_the_limit_of_every_queue_unless_it_has_one_of_its_own() -> None:
    for_all = Settings(running_per_project=8).limits
    assert (for_all.running(Queue.GPU), for_all.running(Queue.CPU)) == (8, 8)
    both = Settings(running_per_project=8, running_gpu_per_project=1).limits
    assert (both.running(Queue.GPU), both.running(Queue.CPU)) == (1, 8)
    alone = Settings(running_gpu_per_project=3).limits
    assert (alone.running(Queue.GPU), alone.running(Queue.INTAKE)) == (3, None)
