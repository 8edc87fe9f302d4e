"""An engine that has been taken over: it does what the upload says, whatever that is.

The upload is JSON, `{"act": name, ...}`. What it comes to is told by a refusal that
begins with `done`; what the walls refuse ends as any other mistake of an engine does.
"""

import ctypes
import io
import json
import mmap
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lathe.errors import UnsupportedModel
from worker.child import Say
from worker.engine.measure.locks import TimingLock
from worker.wire import Compress, Ending, InspectDataset, InspectModel, Refusal

Wish = dict[str, Any]


def perform(
    task: InspectModel | InspectDataset | Compress,
    folder_in: Path,
    folder_out: Path,
    say: Say,
    lock: TimingLock,
) -> Ending:
    """Do it."""
    if isinstance(task, Compress):
        raise TypeError("acts are uploads")
    wish = json.loads((folder_in / task.upload).read_bytes())
    return done(ACTS[wish["act"]](wish | {"out": str(folder_out)}))


def done(detail: object) -> Refusal:
    """The harm was done. The supervisor takes no code that is not Lathe's own."""
    return Refusal(failure=UnsupportedModel(f"done: {detail!s:.200}").failure())


def _tcp(wish: Wish) -> object:
    with socket.create_connection(("127.0.0.1", wish["port"]), 5) as line:
        line.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        return line.recv(15)


def _unix(wish: Wish) -> object:
    """A path, or with @ before it a name without one."""
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(5)
        line.connect(wish["path"].replace("@", "\0"))
        line.sendall(b"PING\r\n")
        return line.recv(5)


def _udp(_wish: Wish) -> object:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        return line.sendto(b"x", ("127.0.0.1", 9))


def _read(wish: Wish) -> object:
    return Path(wish["path"]).read_bytes()[:40]


def _write(wish: Wish) -> object:
    return Path(wish["path"]).write_bytes(b"was here")


def _fork(_wish: Wish) -> object:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return "forked"


def _exec(_wish: Wish) -> object:
    return subprocess.run(["/bin/true"], check=True).returncode


def _signal(wish: Wish) -> object:
    return os.kill(wish["pid"], 0)


def _ptrace(wish: Wish) -> object:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.ptrace(16, wish["pid"], 0, 0) != 0:  # PTRACE_ATTACH
        raise OSError(ctypes.get_errno(), "ptrace")
    libc.waitpid(wish["pid"], None, 0)
    return libc.ptrace(17, wish["pid"], 0, 0)


def _environ(_wish: Wish) -> object:
    """The settings of the process that bore this one."""
    return b"LATHE_" in Path(f"/proc/{os.getppid()}/environ").read_bytes() or "read"


def _ring(_wish: Wish) -> object:
    """io_uring makes system calls that no filter sees."""
    room = ctypes.create_string_buffer(120)
    found = ctypes.CDLL(None, use_errno=True).syscall(425, 4, room)
    if found < 0:
        raise OSError(ctypes.get_errno(), "io_uring_setup")
    return found


def _memory_file(_wish: Wish) -> object:
    """A program that lies in no file system."""
    return os.memfd_create("program")


def _memory(wish: Wish) -> object:
    return len(bytearray(wish["bytes"]))


def _shared(wish: Wish) -> object:
    with mmap.mmap(-1, wish["bytes"]) as memory:
        return len(memory)


def _fill(wish: Wish) -> object:
    with (Path(wish["out"]) / "filling").open("wb") as file:
        for _ in range(wish["bytes"] >> 20):
            file.write(bytes(1 << 20))
        return file.tell()


def _threads(wish: Wish) -> object:
    over = threading.Event()
    threading.stack_size(256 << 10)
    for _ in range(wish["count"]):
        threading.Thread(target=over.wait, daemon=True).start()
    time.sleep(wish["seconds"])
    over.set()
    return "all of them"


def _files(wish: Wish) -> object:
    """More open files than a process should have."""
    held: list[io.FileIO] = [io.FileIO(os.devnull) for _ in range(wish["count"])]
    return len(held)


ACTS: dict[str, Callable[[Wish], object]] = {
    "tcp": _tcp,
    "unix": _unix,
    "udp": _udp,
    "read": _read,
    "write": _write,
    "fork": _fork,
    "exec": _exec,
    "signal": _signal,
    "ptrace": _ptrace,
    "environ": _environ,
    "ring": _ring,
    "memory_file": _memory_file,
    "memory": _memory,
    "shared": _shared,
    "fill": _fill,
    "threads": _threads,
    "files": _files,
}
