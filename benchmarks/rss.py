"""The memory of a process tree while something happens, by what each process is for."""

import threading
from pathlib import Path
from typing import Self

PROC = Path("/proc")
EVERY_S = 0.05
KIB = 1024
ROLES = (  # a part of the command line, and what runs under it
    ("app.up", "up"),
    ("app.main", "api"),
    ("uvicorn", "api"),
    ("worker.zygote", "zygote"),
    ("worker.sweep", "sweep"),
    ("--queue intake", "worker-intake"),
    ("--queue cpu", "worker-cpu"),
    ("celery", "worker"),
    ("valkey", "broker"),
    ("redis", "broker"),
)


class Watch:
    """Peaks in bytes by role, anonymous (RssAnon) and mapped from files (RssFile), of every
    process below `root`; each process counts for itself. Looks every 50 ms while entered."""

    def __init__(self, root: int) -> None:
        self.root = root
        self.anonymous: dict[str, int] = {}
        self.mapped: dict[str, int] = {}
        self.looks = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._done.wait(EVERY_S):
            self.looks += 1
            for role, status in _tree(self.root):
                for peaks, name in ((self.anonymous, "RssAnon"), (self.mapped, "RssFile")):
                    peaks[role] = max(peaks.get(role, 0), _bytes(status, name))


def _tree(root: int) -> list[tuple[str, str]]:
    """Role and status of `root` and everything below it; what ends meanwhile is left out."""
    parents: dict[int, int] = {}
    found: dict[int, tuple[str, str]] = {}
    for folder in PROC.iterdir():
        if not folder.name.isdigit():
            continue
        try:
            status = (folder / "status").read_text()
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except (FileNotFoundError, ProcessLookupError):
            continue
        pid = int(folder.name)
        parents[pid] = int(_field(status, "PPid"))
        found[pid] = (command, status)
    return [
        (_role(pid, parents, found), status)
        for pid, (_, status) in found.items()
        if _below(pid, root, parents)
    ]


def _below(pid: int, root: int, parents: dict[int, int]) -> bool:
    while pid not in (0, root):
        pid = parents.get(pid, 0)
    return pid == root


def _role(pid: int, parents: dict[int, int], found: dict[int, tuple[str, str]]) -> str:
    """By command line; a process that a zygote bore has its command line, too."""
    command = found[pid][0]
    role = next((name for part, name in ROLES if part in command), command[:40])
    parent = parents[pid]
    if role == "zygote" and parent in found and found[parent][0] == command:
        return "child"
    return role


def _bytes(status: str, name: str) -> int:
    value = _field(status, name)
    return int(value.split()[0]) * KIB if value else 0


def _field(status: str, name: str) -> str:
    for line in status.splitlines():
        if line.startswith(f"{name}:"):
            return line.partition(":")[2].strip()
    return ""
