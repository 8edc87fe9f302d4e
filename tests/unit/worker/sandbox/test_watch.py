"""A watch that cannot watch, and what it must not overlook."""

import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from worker.folder import JobFolder, job_folder
from worker.sandbox import watch as watching
from worker.sandbox.walls import Policy
from worker.sandbox.watch import Watch

POLICY = Policy(
    mode="off",
    read=(),
    write=(),
    memory_bytes=1 << 30,
    cpu_s=60,
    file_bytes=1 << 20,
    folder_files=0,  # the folder has more
)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[JobFolder]:
    with job_folder(tmp_path, "job_1", 1) as made:
        yield made


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    """In the session and group of the tests, as one that has not begun its own yet."""
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


def test_a_child_that_leads_no_group_yet_is_killed_all_the_same(
    folder: JobFolder, child: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "MEASURE_S", 0.0)
    with Watch(child.pid, POLICY, folder) as watch:
        assert child.wait(5) == -signal.SIGKILL
    assert watch.broken is not None
    assert watch.broken.code == "too_much_written"


def test_who_cannot_get_hold_of_a_child_says_so_before_it_goes_on(
    folder: JobFolder, child: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_left(_pid: int) -> int:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(os, "pidfd_open", none_left)
    with pytest.raises(OSError, match="Too many open files"), Watch(child.pid, POLICY, folder):
        pytest.fail("nobody watches it")


def test_a_watch_that_gets_no_thread_leaves_no_descriptor(
    folder: JobFolder, child: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_left(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", none_left)
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(RuntimeError, match="thread"), Watch(child.pid, POLICY, folder):
        pytest.fail("nobody watches it")
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_child_that_has_ended_is_not_watched(folder: JobFolder) -> None:
    with Watch(0x3FFFFF, POLICY, folder) as watch:
        pass
    assert watch.broken is None
