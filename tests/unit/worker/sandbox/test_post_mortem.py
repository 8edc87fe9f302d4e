from pathlib import Path

import pytest

from worker.order import Died
from worker.sandbox.post_mortem import Crash, post_mortem
from worker.sandbox.walls import Policy

POLICY = Policy(
    mode="auto",
    read=(Path("/in"),),
    write=(Path("/out"),),
    memory_bytes=1000,
    cpu_s=9,
    file_bytes=50,
)
SIGABRT, SIGKILL, SIGSEGV, SIGXCPU, SIGXFSZ = 6, 9, 11, 24, 25


@pytest.mark.parametrize(
    ("exit_status", "rss_bytes", "oom_killed", "log", "code"),
    [
        (-SIGKILL, 900, False, "", "out_of_memory"),
        (-SIGKILL, 10, True, "", "out_of_memory"),
        (-SIGSEGV, 950, False, "", "out_of_memory"),
        (-SIGABRT, 10, False, "what():  std::bad_alloc", "out_of_memory"),
        (-SIGXCPU, 10, False, "", "run_timeout"),
        (-SIGXFSZ, 10, False, "", "too_much_written"),
    ],
)
def test_a_limit_that_was_hit_is_named(
    exit_status: int, rss_bytes: int, oom_killed: bool, log: str, code: str
) -> None:
    died = Died(exit=exit_status, max_rss_bytes=rss_bytes)
    failure = post_mortem(died, POLICY, log, oom_killed=oom_killed)
    assert not isinstance(failure, Crash)
    assert failure.code == code


def test_memory_that_the_worker_had_not_is_not_called_the_cap_of_the_job() -> None:
    died = Died(exit=-SIGKILL, max_rss_bytes=899)
    failure = post_mortem(died, POLICY, "", oom_killed=True)
    assert not isinstance(failure, Crash)
    assert "its worker had no memory left" in failure.detail
    full = post_mortem(Died(exit=-SIGKILL, max_rss_bytes=900), POLICY, "", oom_killed=True)
    assert not isinstance(full, Crash)
    assert "its worker" not in full.detail


@pytest.mark.parametrize(("cpu_s", "code"), [(8.9, None), (9.0, "run_timeout")])
def test_who_ignores_the_first_signal_for_its_cpu_time_is_told_of_it_after_the_second(
    cpu_s: float, code: str | None
) -> None:
    died = Died(exit=-SIGKILL, max_rss_bytes=10, cpu_s=cpu_s)
    verdict = post_mortem(died, POLICY, "", oom_killed=False)
    assert (None if isinstance(verdict, Crash) else verdict.code) == code


def test_a_limit_of_time_names_who_set_it() -> None:
    died = Died(exit=-SIGXCPU, max_rss_bytes=10)
    inspection = POLICY.model_copy(update={"time_limit": "LATHE_INSPECT_MAX_RUN_S"})
    for policy, words in (
        (POLICY, "larger resources.max_run_s resumes"),
        (inspection, "have LATHE_INSPECT_MAX_RUN_S raised"),
    ):
        failure = post_mortem(died, policy, "", oom_killed=False)
        assert not isinstance(failure, Crash)
        assert words in failure.detail


@pytest.mark.parametrize(
    ("exit_status", "cause"),
    [
        (-SIGKILL, "it died of SIGKILL"),
        (-SIGABRT, "it died of SIGABRT"),
        (-64, "it died of SIGRTMAX"),
        (-99, "it died of signal 99"),
        (3, "it ended with status 3 and no answer"),
    ],
)
def test_anything_else_is_a_crash_that_may_be_tried_again(exit_status: int, cause: str) -> None:
    died = Died(exit=exit_status, max_rss_bytes=899)
    assert post_mortem(died, POLICY, "", oom_killed=False) == Crash(cause)
