"""The nursery's process: everything heavy is loaded once, each job's child is a fork of it.

    python -m worker.zygote <socket fd> <supervisor pid> <module:function> <nice>

It opens no model, starts no thread and has a clean environment; a child inherits nothing but
loaded code. It has one child at a time and ends with its supervisor.
"""

import gc
import importlib
import logging
import os
import select
import signal
import socket
import sys
from pathlib import Path
from typing import Any

from worker import child
from worker.courtesy import stand_back
from worker.order import COMMAND, LOG, MAX_BYTES, Born, Died, Kill, Order, Ready
from worker.orphan import die_with_parent

_FDS = LOG + 1
_KIB = 1024


class _SupervisorGone(Exception):  # noqa: N818 - a fact, not an error
    """Nobody is left to work for."""


def main(arguments: list[str]) -> None:
    """Load the engine, then bear children until the supervisor goes."""
    fd, supervisor, entry = int(arguments[0]), int(arguments[1]), arguments[2]
    die_with_parent(supervisor)
    stand_back(int(arguments[3]))
    logging.basicConfig(level=logging.WARNING)
    perform = _load(entry)
    gc.collect()
    gc.freeze()  # a child's collector must not touch, and so copy, these pages
    with socket.socket(fileno=fd) as wire:
        _say(wire, Ready(threads=len(list(Path("/proc/self/task").iterdir()))))
        try:
            while True:
                _serve(wire, perform)
        except (_SupervisorGone, ConnectionError):
            return


def _load(entry: str) -> child.Perform:
    module, _, function = entry.partition(":")
    perform: child.Perform = getattr(importlib.import_module(module), function)
    return perform


def _serve(wire: socket.socket, perform: child.Perform) -> None:
    data, fds, _flags, _address = socket.recv_fds(wire, MAX_BYTES, _FDS)
    if not data:
        raise _SupervisorGone
    command = COMMAND.validate_json(data)
    if isinstance(command, Kill):  # it came after the child's own end
        return
    pid = _bear(command, fds, perform, wire)
    for descriptor in fds:
        os.close(descriptor)
    _say(wire, Born(pid=pid))
    _attend(wire, pid)


def _bear(order: Order, fds: list[int], perform: child.Perform, wire: socket.socket) -> int:
    zygote = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    code = child.BROKEN
    try:
        wire.close()
        code = child.run(order, fds, perform, zygote)
    finally:
        os._exit(code)  # no clean-up of what the zygote owns


def _attend(wire: socket.socket, pid: int) -> None:
    """Wait for the child's end and tell it; kill it when asked to or when left alone."""
    handle = os.pidfd_open(pid)
    try:
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        poll.register(wire, select.POLLIN)
        while handle not in (ready := [fd for fd, _ in poll.poll()]):
            if wire.fileno() in ready:
                gone = not wire.recv(MAX_BYTES)  # whatever it is, it means Kill
                _kill(pid)
                if gone:
                    raise _SupervisorGone
        _, status, usage = os.wait4(pid, 0)
    finally:
        os.close(handle)
    died = Died(
        exit=os.waitstatus_to_exitcode(status),
        max_rss_bytes=usage.ru_maxrss * _KIB,
        cpu_s=usage.ru_utime + usage.ru_stime,
    )
    _say(wire, died)


def _kill(pid: int) -> None:
    """The child is not reaped yet, so its number is still its own."""
    os.kill(pid, signal.SIGKILL)
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:  # it had not made its group yet
        return


def _say(wire: socket.socket, news: Any) -> None:
    wire.send(news.model_dump_json().encode())


if __name__ == "__main__":
    main(sys.argv[1:])
