"""Real worker processes, and ways to hurt them."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
WORKER = ("-m", "worker")
STAND_IN = ("-m", "tests.services.worker.stand_in")


class Crew:
    """Starts workers and sweeps as a deployment does; none of them outlives `dismiss`."""

    def __init__(
        self, environment: dict[str, str], logs: Path, worker: tuple[str, ...] = WORKER
    ) -> None:
        self._environment = {**os.environ, **environment, "PYTHONPATH": str(ROOT)}
        logs.mkdir(exist_ok=True)
        self._logs = logs
        self._worker = worker
        self._workers: dict[str, tuple[str, subprocess.Popen[bytes]]] = {}
        self._sweeps: list[subprocess.Popen[bytes]] = []

    @property
    def names(self) -> list[str]:
        """The workers' names."""
        return sorted(self._workers)

    def hire(self, name: str, queue: str) -> None:
        """Start (or start again) one worker with one slot for `queue`."""
        process = self._start(name, [*self._worker, "--queue", queue, "--name", name])
        self._workers[name] = (queue, process)

    def sweep(self) -> None:
        """Start one more copy of the sweep."""
        name = f"sweep{len(self._sweeps)}"
        self._sweeps.append(self._start(name, ["-m", "worker.sweep"]))

    def deliver(self) -> subprocess.Popen[bytes]:
        """Start one more copy of what tells webhooks."""
        name = f"deliver{len(self._sweeps)}"
        self._sweeps.append(self._start(name, ["-m", "worker.deliver"]))
        return self._sweeps[-1]

    def kill(self, name: str) -> None:
        """SIGKILL the worker's main and pool process, then start it again."""
        queue, process = self._workers[name]
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        self.hire(name, queue)

    def ask(self, name: str, how: signal.Signals = signal.SIGTERM) -> None:
        """Ask the worker's main process to stop, as an orchestrator does."""
        self._workers[name][1].send_signal(how)

    def ask_group(self, name: str, how: signal.Signals) -> None:
        """Ask every process of the worker, as a terminal does on Ctrl-C."""
        os.killpg(self._workers[name][1].pid, how)

    def left(self, name: str, within_s: float) -> int:
        """The exit status of a worker that was asked to stop."""
        return self._workers[name][1].wait(within_s)

    def kill_pool(self, name: str) -> None:
        """SIGKILL the worker's pool process alone: its main process starts another."""
        main = self._workers[name][1].pid
        pool = next(pid for pid in _below(main) if os.getpgid(pid) == main)
        os.kill(pool, signal.SIGKILL)

    def freeze(self, name: str, for_s: float) -> None:
        """SIGSTOP main and pool process, and let them go on later."""
        group = self._workers[name][1].pid
        os.killpg(group, signal.SIGSTOP)
        threading.Timer(for_s, _thaw, (group,)).start()

    def child_of(self, name: str) -> tuple[int, str] | None:
        """The worker's present child and its job's id."""
        for process in _below(self._workers[name][1].pid):
            try:
                folder = (Path(f"/proc/{process}/cwd")).readlink().parent.name
            except OSError:  # it has just ended
                continue
            if folder.startswith("job_"):
                return process, folder.split("-")[0]
        return None

    def until(self, holds: Callable[[], bool], within_s: float = 60) -> None:
        """Wait until something holds; raises AssertionError with the logs else."""
        deadline = time.monotonic() + within_s
        while not holds():
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.02)

    def log(self) -> str:
        """The end of every log."""
        parts = [f"== {p.name}\n{p.read_text()[-3000:]}" for p in sorted(self._logs.iterdir())]
        return "\n".join(parts)

    def dismiss(self) -> None:
        """SIGKILL everybody; raises AssertionError when a descendant lives on."""
        groups = [process for _, process in self._workers.values()] + self._sweeps
        family = [pid for process in groups for pid in _below(process.pid)]
        for process in groups:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        for pid in family:
            _await_end(pid)

    def _start(self, name: str, arguments: list[str]) -> subprocess.Popen[bytes]:
        with (self._logs / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, *arguments],
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )


def _below(pid: int) -> list[int]:
    """Every living descendant of a process."""
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        children = [int(c) for task in tasks for c in (task / "children").read_text().split()]
    except OSError:
        return []
    return [each for child in children for each in (child, *_below(child))]


def _await_end(pid: int) -> None:
    for _ in range(200):
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return
        except OSError:
            return
        threading.Event().wait(0.02)
    raise AssertionError(f"process {pid} outlived its worker")


def _thaw(group: int) -> None:
    try:
        os.killpg(group, signal.SIGCONT)
    except ProcessLookupError:  # killed in its sleep
        return
