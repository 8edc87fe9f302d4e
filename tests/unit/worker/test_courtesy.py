"""A process that stands back, with its session. Nothing undoes it, so each is a new one."""

import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from worker import courtesy

ROOT = Path(courtesy.__file__).parents[1]
GROUPS = Path("/proc/self/autogroup")
by_session = pytest.mark.skipif(not GROUPS.exists(), reason="this kernel has no such groups")
TELL = "; print(os.getpriority(os.PRIO_PROCESS, 0)); print(open('/proc/self/autogroup').read())"


def told(script: str) -> list[str]:
    """What a process in a session of its own prints."""
    head = "import os\nfrom worker.courtesy import stand_back\n"
    done = subprocess.run(
        [sys.executable, "-c", head + script],
        stdout=subprocess.PIPE,
        check=True,
        text=True,
        cwd=ROOT,
        start_new_session=True,
    )
    return done.stdout.split("\n")


@by_session
def test_the_process_and_its_session_get_the_same_value() -> None:
    own = os.getpriority(os.PRIO_PROCESS, 0)
    wanted = max(own, 13)
    nice, group, *_ = told(f"stand_back(13){TELL}")
    assert (int(nice), group.split()[-1]) == (wanted, str(wanted))


@by_session
def test_a_child_that_leads_a_new_session_keeps_its_parents_value() -> None:
    script = "stand_back(17)\nif os.fork():\n    os.wait()\nelse:\n    os.setsid(){keep}" + TELL
    nice, group, *_ = told(script.format(keep=""))
    wanted = int(nice)
    assert group.split()[-1] == "0"  # which is why it has to be said again
    nice, group, *_ = told(script.format(keep="; stand_back(0)"))
    assert (int(nice), group.split()[-1]) == (wanted, str(wanted))
    assert wanted >= 17


def test_who_comes_last_runs_where_nobody_else_wants_to_and_so_do_its_children() -> None:
    script = "stand_back({})\nif os.fork():\n    os.wait()\nprint(os.sched_getscheduler(0))"
    own = os.sched_getscheduler(0)
    assert told(script.format(18))[:2] == [str(own)] * 2
    assert told(script.format(19))[:2] == [str(os.SCHED_IDLE)] * 2


def test_nobody_is_moved_forward() -> None:
    nice, *_ = told("stand_back(15); stand_back(4); print(os.getpriority(os.PRIO_PROCESS, 0))")
    assert int(nice) >= 15


class Group:
    """The session's file; refuses a few times."""

    def __init__(self, *numbers: int) -> None:
        self.numbers, self.written = list(numbers), list[str]()

    def write_text(self, text: str) -> None:
        if self.numbers:
            raise OSError(self.numbers.pop(), "refused")
        self.written.append(text)


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(courtesy, "_PAUSE_S", 0)


@pytest.mark.parametrize(
    ("numbers", "written", "warnings"),
    [
        ([errno.EAGAIN, errno.EAGAIN], ["9"], 0),
        ([errno.EAGAIN] * 9, [], 1),
        ([errno.EACCES], [], 1),
        ([errno.ENOENT], [], 0),
    ],
)
def test_a_group_that_is_being_changed_is_asked_again_and_a_refusal_is_no_failure(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    numbers: list[int],
    written: list[str],
    warnings: int,
) -> None:
    group: Any = Group(*numbers)
    monkeypatch.setattr(courtesy, "_AUTOGROUP", group)
    courtesy._tell_group(9)
    assert group.written == written
    assert len(caplog.records) == warnings
