"""What a parser may not do while it reads an input, seen in two ways.

The walls of the real child stand around the whole run: landlock, seccomp, and a limit on
memory, 256 MB over what the process has before its first input. They stop native code as well,
but say nothing. Python's audit events tell of the attempt itself: a file that is written
outside the run's folder or read outside of it and the installation, a socket, a process, a
signal, a pickle, a library that is loaded.
"""

import os
import sys
import sysconfig
from pathlib import Path

from worker.sandbox.walls import Confinement, Policy, confine

ROOM_BYTES = 256 << 20
_HOURS_S = 1 << 20
_REPOSITORY = Path(__file__).parents[2]
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_ON_PATHS = {
    "os.chmod", "os.chown", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir",
    "os.symlink", "os.truncate", "os.utime", "shutil.copyfile", "shutil.move",
}  # fmt: skip
_NEVER = (
    "socket.", "subprocess.", "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "os.system",
    "os.kill", "os.putenv", "pty.", "pickle.find_class", "ctypes.dlopen", "ftplib.", "http.",
    "urllib.", "webbrowser.", "sys.setprofile", "sys.settrace", "signal.pthread_kill",
)  # fmt: skip


class Left(BaseException):
    """The parser did what no parser may."""


class Walls:
    """`shut` while an input is read: each event in `left` is one that must not be."""

    def __init__(self, folder: Path) -> None:
        self._inside = str(folder)
        self._readable = tuple(
            str(place)
            for place in (
                folder, _REPOSITORY, sys.prefix, sys.base_prefix, sysconfig.get_path("stdlib"),
                "/usr", "/lib", "/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/sys/",
                "/dev/",
            )
        )  # fmt: skip
        self.shut = False
        self.left: list[str] = []

    def build(self) -> Confinement:
        """Around this process, for good. Call it when all is loaded."""
        sys.addaudithook(self._heard)
        return confine(
            Policy(
                mode="auto",
                read=(_REPOSITORY,),
                write=(Path(self._inside),),
                memory_bytes=_own_bytes() + ROOM_BYTES,
                cpu_s=_HOURS_S,
                file_bytes=ROOM_BYTES,
            )
        )

    def _heard(self, event: str, args: tuple[object, ...]) -> None:
        if not self.shut:
            return
        if event == "open":
            path, _, flags = args
            if isinstance(path, str | bytes | os.PathLike):
                self._opened(_absolute(path), int(flags or 0))  # type: ignore[call-overload]
        elif event in _ON_PATHS:
            self._changed(event, args)
        elif event.startswith(_NEVER):
            self._out(f"{event} {args!r:.200}")

    def _opened(self, path: str, flags: int) -> None:
        if flags & _WRITES and not path.startswith(self._inside):
            self._out(f"wrote {path}")
        elif not path.startswith(self._readable):
            self._out(f"read {path}")

    def _changed(self, event: str, args: tuple[object, ...]) -> None:
        beside_descriptor = any(isinstance(arg, int) and arg > 0 for arg in args[-1:])
        for path in args:
            if isinstance(path, str | bytes | os.PathLike) and not beside_descriptor:
                place = _absolute(path)
                if not place.startswith(self._inside):
                    self._out(f"{event} {place}")

    def _out(self, what: str) -> None:
        self.left.append(what)
        raise Left(what)


def _absolute(path: str | bytes | os.PathLike[str]) -> str:
    return os.path.abspath(os.fsdecode(path))  # noqa: PTH100 - asks the file system nothing


def _own_bytes() -> int:
    """Private writable memory of this process, which RLIMIT_DATA counts (proc(5), status)."""
    told = Path("/proc/self/status").read_text()
    return int(told.partition("VmData:")[2].split()[0]) << 10
