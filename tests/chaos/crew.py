"""The service's own processes in a campaign, and ways to hurt them."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import httpx

from stacks.children import free_ports, start
from tests.chaos.processes import command, descendants, gone_within, job_of
from tests.chaos.stack import ROOT

_READY_S = 180.0
_DRAIN_S = 90.0
_GONE_S = 5.0


@dataclass(slots=True)
class Hand:
    """One process of the service and how it is started again."""

    name: str
    arguments: list[str]
    process: subprocess.Popen[bytes]


class Crew:
    """Starts and hurts the service's processes; only the main thread may."""

    def __init__(self, environment: dict[str, str], logs: Path) -> None:
        self._environment = {**os.environ, **environment, "PYTHONPATH": str(ROOT)}
        self._logs = logs
        self._hands: dict[str, Hand] = {}
        self._ports: dict[str, int] = {}
        self.orphans: list[str] = []
        self.ended: list[str] = []  # who ended without being told to

    def hire(self, doors: int, workers: dict[str, str], sweeps: int) -> None:
        """Start everybody; `workers` is name to queue. Returns when the doors answer."""
        with free_ports(doors) as ports:
            self._ports = {f"api-{n}": port for n, port in enumerate(ports)}
        for name, port in self._ports.items():
            self._start(name, ["-m", "app.serve", "--port", f"{port}"])
        for name, queue in workers.items():
            self._start(name, ["-m", "worker", "--queue", queue, "--name", name])
        for number in range(sweeps):
            self._start(f"sweep-{number}", ["-m", "worker.sweep"])
        for door in self.doors:
            self._await(door)

    @property
    def doors(self) -> list[str]:
        """The addresses of the API processes."""
        return [self.door(name) for name in self._ports]

    def door(self, name: str) -> str:
        """The address of one API process."""
        return f"http://127.0.0.1:{self._ports[name]}"

    def names(self, kind: str) -> list[str]:
        """The names that begin with `kind`: api, intake, cpu or sweep."""
        return [name for name in self._hands if name.startswith(kind)]

    @property
    def workers(self) -> list[str]:
        """The workers' names."""
        return [*self.names("intake"), *self.names("cpu")]

    def pid(self, name: str) -> int:
        """The main process of that name; also its process group."""
        return self._hands[name].process.pid

    def kill(self, name: str) -> None:
        """SIGKILL a main process and its pool, start it again, and see that all it had
        started is gone."""
        family = descendants(self.pid(name))
        os.killpg(self.pid(name), signal.SIGKILL)
        self._hands[name].process.wait()
        self._mourn(name, family)
        self._start(name, self._hands[name].arguments)

    def kill_main(self, name: str) -> None:
        """As `kill`, but only the main process is shot: its pool has to die of that."""
        family = descendants(self.pid(name))
        self._hands[name].process.kill()
        self._hands[name].process.wait()
        self._mourn(name, family)
        self._start(name, self._hands[name].arguments)

    def kill_pool(self, name: str) -> None:
        """SIGKILL the pool process alone; the main process starts another."""
        for pid in descendants(self.pid(name)):
            if os.getpgid(pid) == self.pid(name):
                family = descendants(pid)
                os.kill(pid, signal.SIGKILL)
                self._mourn(name, family)
                return

    def drain(self, name: str) -> float:
        """SIGTERM a worker, wait for its end, hire another; returns how long it took, in s."""
        family = descendants(self.pid(name))
        began_s = time.monotonic()
        self._end(name)
        spent_s = time.monotonic() - began_s
        self._mourn(name, family)
        self._start(name, self._hands[name].arguments)
        return spent_s

    def freeze(self, name: str) -> int:
        """SIGSTOP a worker's main and pool process, not its child; returns the group."""
        group = self.pid(name)
        os.killpg(group, signal.SIGSTOP)
        return group

    def child_of(self, name: str) -> tuple[int, str, int] | None:
        """A worker's running child: its pid, job and attempt."""
        for pid in descendants(self.pid(name)):
            job = job_of(pid)
            if job is not None:
                return pid, *job
        return None

    def nursery_of(self, name: str) -> int | None:
        """The process that bears a worker's children, with no child at the moment or one."""
        for pid in descendants(self.pid(name)):
            if "worker.zygote" in command(pid) and job_of(pid) is None:
                return pid
        return None

    def dismiss(self, kinds: tuple[str, ...]) -> None:
        """SIGTERM everybody of these kinds and wait for their end."""
        names = [name for kind in kinds for name in self.names(kind)]
        families = {name: descendants(self.pid(name)) for name in names}
        for name in names:
            self._hands[name].process.terminate()
        for name in names:
            self._end(name)
            self._mourn(name, families[name])
            del self._hands[name]

    def revive(self) -> list[str]:
        """Start those again that ended by themselves; returns their names."""
        dead = [hand for hand in self._hands.values() if hand.process.poll() is not None]
        for hand in dead:
            self._start(hand.name, hand.arguments)
        return [hand.name for hand in dead]

    def _end(self, name: str) -> None:
        process = self._hands[name].process
        process.terminate()
        try:
            process.wait(_DRAIN_S)
        except subprocess.TimeoutExpired:
            self.orphans.append(f"{name} did not end within {_DRAIN_S:.0f} s of SIGTERM")
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def _mourn(self, name: str, family: list[int]) -> None:
        for pid in gone_within(family, _GONE_S):
            self.orphans.append(f"{pid} outlived {name}: {command(pid)}")

    def _start(self, name: str, arguments: list[str]) -> None:
        process = start(
            [sys.executable, *arguments],
            self._logs / f"{name}.log",
            env=self._environment,
            last_words=signal.SIGKILL,
        )
        self._hands[name] = Hand(name, arguments, process)

    def _await(self, door: str) -> None:
        deadline = time.monotonic() + _READY_S
        while True:
            try:
                httpx.get(f"{door}/healthz", timeout=2, trust_env=False)
            except httpx.TransportError as error:
                if time.monotonic() > deadline:
                    raise RuntimeError(f"{door} does not answer") from error
                time.sleep(0.1)
            else:
                return
