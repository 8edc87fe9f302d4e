"""The memory of a process tree while something happens, by what each process is for."""

import threading
from abc import ABC, abstractmethod
from pathlib import Path
from typing import NamedTuple, Self

PROC = Path("/proc")
EVERY_S = 0.05
KIB = 1024
ROLES = (  # a part of the command line, and what runs under it
    ("app.up", "up"),
    ("app.main", "api"),
    ("app.serve", "api"),
    ("uvicorn", "api"),
    ("worker.zygote", "zygote"),
    ("worker.sweep", "sweep"),
    ("--queue intake", "worker-intake"),
    ("--queue cpu", "worker-cpu"),
    ("celery", "worker"),
    ("valkey", "broker"),
    ("redis", "broker"),
)


class Lookout(ABC):
    """Looks at the processes below `root` every `every_s` seconds while entered."""

    def __init__(self, root: int, every_s: float) -> None:
        self.root = root
        self.looks = 0
        self._every_s = every_s
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._keep_looking, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    @abstractmethod
    def look(self) -> None:
        """Once."""

    def _keep_looking(self) -> None:
        while not self._done.wait(self._every_s):
            self.looks += 1
            self.look()


class Process(NamedTuple):
    """A living process, and the text of its /proc/<pid>/status."""

    pid: int
    role: str
    status: str


class Watch(Lookout):
    """Peaks in bytes by role, anonymous (RssAnon) and mapped from files (RssFile), of every
    process below `root`; each process counts for itself."""

    def __init__(self, root: int) -> None:
        super().__init__(root, EVERY_S)
        self.anonymous: dict[str, int] = {}
        self.mapped: dict[str, int] = {}

    def look(self) -> None:
        """At every process that lives now."""
        for each in processes(self.root):
            for peaks, name in ((self.anonymous, "RssAnon"), (self.mapped, "RssFile")):
                peaks[each.role] = max(peaks.get(each.role, 0), status_bytes(each.status, name))


def children(pid: int) -> list[int]:
    """The processes that `pid` started: every thread has children of its own."""
    threads = (PROC / str(pid) / "task").iterdir()
    return [int(child) for one in threads for child in (one / "children").read_text().split()]


def processes(root: int) -> list[Process]:
    """`root` and everything below it; what ends meanwhile is left out."""
    found: list[Process] = []
    waiting = [(root, "")]
    while waiting:
        pid, parent_command = waiting.pop()
        try:
            command = (PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            status = (PROC / str(pid) / "status").read_text()
            below = children(pid)
        except (FileNotFoundError, ProcessLookupError):
            continue
        if not command:  # it has ended and waits for its parent
            continue
        found.append(Process(pid, _role(command, parent_command), status))
        waiting += [(child, command) for child in below]
    return found


def _role(command: str, parent_command: str) -> str:
    """By command line; a process that a zygote bore has its command line, too."""
    role = next((name for part, name in ROLES if part in command), command[:40])
    return "child" if role == "zygote" and parent_command == command else role


def status_bytes(status: str, name: str) -> int:
    """A field of a process's status that is a size; 0 where it is not there."""
    value = _field(status, name)
    return int(value.split()[0]) * KIB if value else 0


def _field(status: str, name: str) -> str:
    for line in status.splitlines():
        if line.startswith(f"{name}:"):
            return line.partition(":")[2].strip()
    return ""
