"""What the kernel says of processes that asked for short slices; each is a new one."""

import platform
import subprocess
import sys
from pathlib import Path

import pytest

from app import short_slices

ROOT = Path(short_slices.__file__).parents[1]
# sched_getattr(2) tells the slice as sched_runtime since Linux 6.12, and 0 before
TOLD = """
import ctypes, os, platform, struct, threading
from app.short_slices import take_short_slices
def told():
    held = ctypes.create_string_buffer(48)
    number = {"x86_64": 315, "aarch64": 275}[platform.machine()]
    assert ctypes.CDLL(None).syscall(ctypes.c_long(number), 0, held, 48, 0) == 0
    _, policy, _, nice, _, runtime, _, _ = struct.unpack("=IIQiIQQQ", held.raw)
    print(policy, nice, runtime)
"""


def told(script: str) -> list[list[int]]:
    done = subprocess.run(
        [sys.executable, "-c", TOLD + script],
        stdout=subprocess.PIPE,
        check=True,
        text=True,
        cwd=ROOT,
    )
    return [[int(each) for each in line.split()] for line in done.stdout.splitlines()]


known = pytest.mark.skipif(
    platform.machine() not in short_slices._SET, reason="another kind of processor"
)


@known
def test_a_process_and_its_threads_get_short_slices_and_keep_their_nice_value() -> None:
    (_, usual, slice_ns), *asked = told(
        "told(); os.nice(3); take_short_slices(); told()\n"
        "thread = threading.Thread(target=told); thread.start(); thread.join()"
    )
    if slice_ns == 0:
        pytest.skip("this kernel has no slices of one's own")
    assert slice_ns > short_slices.SLICE_NS
    assert asked == [[0, min(usual + 3, 19), short_slices.SLICE_NS]] * 2


@known
def test_a_policy_that_somebody_chose_stays() -> None:
    script = "os.sched_setscheduler(0, {}, os.sched_param(0)); take_short_slices(); told()"
    for policy in (3, 5):  # SCHED_BATCH, SCHED_IDLE
        assert told(script.format(policy))[0][0] == policy
