"""A child borne by a nursery without a supervisor: what starts it, what it says."""

import os
from pathlib import Path

from worker.folder import JobFolder
from worker.lines import Lines
from worker.nursery import Nursery
from worker.order import Order
from worker.sandbox.walls import Policy
from worker.wire import Message


def bear(nursery: Nursery, job: JobFolder, policy: Policy, lock: Path) -> tuple[int, int]:
    """Start a child for the task in `job`; its pid, and the reading end of its pipe."""
    reading, writing = os.pipe()
    held = os.open(lock, os.O_RDONLY | os.O_CREAT)
    log = os.open(job.log, os.O_WRONLY)
    pid = nursery.bear(Order(folder=job.path, policy=policy), (writing, held, log))
    for descriptor in (writing, held, log):
        os.close(descriptor)
    return pid, reading


def all_said(reading: int) -> list[Message]:
    """Every message until the child lets go of the pipe, which is closed then."""
    lines, heard = Lines(reading), list[Message]()
    os.set_blocking(reading, True)
    while not lines.closed:
        heard += lines.read()
    os.close(reading)
    return heard
