"""Real servers as children of the test run: none outlives it, even after a kill -9."""

import ctypes
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_libc = ctypes.CDLL(None, use_errno=True)

START_WITHIN_S = 60.0  # a loaded machine; a start takes well under five seconds
STOP_WITHIN_S = 10.0


def start(
    command: list[str],
    log: Path,
    *,
    user: str | None = None,
    env: dict[str, str] | None = None,
    last_words: signal.Signals = signal.SIGTERM,
) -> subprocess.Popen[bytes]:
    """Start a server in its own process group; `last_words` ends it when this process dies."""

    def die_with_parent() -> None:
        _libc.prctl(_PR_SET_PDEATHSIG, last_words)
        os.setpgid(0, 0)

    with log.open("ab") as out:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            user=user,
            extra_groups=[] if user else None,
            env=env,
            cwd="/",
            preexec_fn=die_with_parent,  # noqa: PLW1509 - the tests fork from one thread
        )


def wait_until(ready: Callable[[], bool], server: subprocess.Popen[bytes], log: Path) -> None:
    """Poll `ready` until it holds; a server that ends or is too slow shows its log."""
    deadline = time.monotonic() + START_WITHIN_S
    while not ready():
        if server.poll() is not None or time.monotonic() > deadline:
            stop([server])
            raise RuntimeError(f"{server.args!r} did not start:\n{log.read_text()[-4000:]}")
        time.sleep(0.02)


def stop(servers: list[subprocess.Popen[bytes]], how: signal.Signals = signal.SIGTERM) -> None:
    """Ask every server to end, then make it; returns when all are gone."""
    for server in servers:
        if server.poll() is None:
            server.send_signal(how)
    for server in servers:
        try:
            server.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


@contextmanager
def free_ports(count: int) -> Iterator[list[int]]:
    """Ports of 127.0.0.1 that nobody listens on, all different."""
    held = [socket.socket() for _ in range(count)]
    try:
        for each in held:
            each.bind(("127.0.0.1", 0))
        yield [each.getsockname()[1] for each in held]
    finally:
        for each in held:
            each.close()
