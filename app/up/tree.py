"""A tree of child processes that starts, restarts and ends as one."""

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

PR_SET_PDEATHSIG = 1
RESTARTS = 5
RESTART_WINDOW_S = 60
STOP_S = 4

_libc = ctypes.CDLL(None, use_errno=True)


class ChildFailed(Exception):  # noqa: N818 - reads as the sentence it carries
    """A child that keeps dying; the message ends with the last lines of its log."""


@dataclass(slots=True)
class Child:
    """One program of the tree. `on_orphaned` is the signal it gets when the parent dies,
    `settings` go on top of the tree's environment."""

    name: str
    command: tuple[str, ...]
    on_orphaned: signal.Signals = signal.SIGKILL
    pass_fds: tuple[int, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    deaths: list[float] = field(default_factory=list)


class Tree:
    """Starts children in order, restarts those that die, stops them in reverse order."""

    def __init__(self, logs: Path, environment: Mapping[str, str]) -> None:
        self._logs = logs
        self._environment = dict(environment)
        self._children: list[Child] = []

    def start(self, child: Child) -> None:
        """Start one child; its output goes to `<logs>/<name>.log`."""
        self._children.append(child)
        self._run(child)

    def log(self, name: str) -> Path:
        """Where the output of the child of that name goes."""
        return self._logs / f"{name}.log"

    def watch(self) -> list[str]:
        """Restart what has died since; names what was restarted.

        Raises ChildFailed for a child that died more than `RESTARTS` times within
        `RESTART_WINDOW_S` seconds.
        """
        restarted = []
        for child in self._children:
            if child.process is None or child.process.poll() is None:
                continue
            now = time.monotonic()
            child.deaths = [t for t in child.deaths if now - t < RESTART_WINDOW_S] + [now]
            if len(child.deaths) > RESTARTS:
                raise ChildFailed(self._obituary(child))
            self._run(child)
            restarted.append(child.name)
        return restarted

    def stop(self) -> None:
        """SIGTERM to every child, SIGKILL to those still there after `STOP_S` seconds."""
        living = [c.process for c in reversed(self._children) if c.process is not None]
        for process in living:
            _signal_group(process, signal.SIGTERM)
        deadline = time.monotonic() + STOP_S
        for process in living:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                _signal_group(process, signal.SIGKILL)
                process.wait()

    def _run(self, child: Child) -> None:
        def die_with_parent() -> None:
            _libc.prctl(PR_SET_PDEATHSIG, int(child.on_orphaned), 0, 0, 0)

        with self.log(child.name).open("ab") as log:
            child.process = subprocess.Popen(  # noqa: S603 - our own command lines
                child.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**self._environment, **child.settings},
                start_new_session=True,
                pass_fds=child.pass_fds,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - this process has one thread
            )

    def _obituary(self, child: Child) -> str:
        lines = self.log(child.name).read_text(errors="replace").splitlines()[-12:]
        return f"{child.name} keeps ending; the end of {self.log(child.name)}:\n" + "\n".join(
            lines
        )


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    if process.poll() is None:
        os.killpg(process.pid, number)
