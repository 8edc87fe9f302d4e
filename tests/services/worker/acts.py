"""What a hostile child tries, and a patient one does: engines for the tests' nurseries.

The task's upload is JSON: `{"act": name, ...}`. The answer is a refusal whose code says how the
act went: `act_done` or the error's name.
"""

import ctypes
import errno
import json
import mmap
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lathe.errors import ErrorClass, Failure
from tests.services.worker.break_ins import BREAK_INS
from tests.services.worker.excesses import EXCESSES
from worker.child import Say
from worker.engine.measure.locks import TimingLock
from worker.wire import Compress, Ending, InspectDataset, InspectModel, Refusal

Act = Callable[[dict[str, Any]], object]


def perform(
    task: InspectModel | InspectDataset | Compress,
    folder_in: Path,
    folder_out: Path,
    say: Say,
    lock: TimingLock,
) -> Ending:
    """Try the act that the upload names."""
    if isinstance(task, Compress):
        raise TypeError("acts are uploads")
    wish = json.loads((folder_in / task.upload).read_text())
    wish["out"] = str(folder_out)
    try:
        if wish.get("cuda"):
            _cuda_maths(wish)
        detail = str(ACTS[wish["act"]](wish))
    except OSError as error:
        if error.errno == errno.EFBIG:  # what the child itself knows how to tell
            raise
        return _told(type(error).__name__, str(error))
    return _told("act_done", detail)


def _told(code: str, detail: str) -> Refusal:
    return Refusal(
        failure=Failure(
            code=code, error_class=ErrorClass.INTERNAL, retryable=False, detail=detail
        )
    )


def _tcp(wish: dict[str, Any]) -> object:
    with socket.create_connection(("127.0.0.1", wish["port"]), 5) as connection:
        return connection.recv(5)


def _unix(wish: dict[str, Any]) -> object:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(wish["path"])
        return connection.recv(5)


def _udp(_wish: dict[str, Any]) -> object:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as connection:
        return connection.fileno()


def _read(wish: dict[str, Any]) -> object:
    return Path(wish["path"]).read_bytes().decode(errors="replace").replace("\0", " ")


def _list(wish: dict[str, Any]) -> object:
    return [path.name for path in Path(wish["path"]).iterdir()]


def _write(wish: dict[str, Any]) -> object:
    return Path(wish["path"]).write_text("was here")


def _write_out(wish: dict[str, Any]) -> object:
    return (Path(wish["out"]) / "mine").write_text("was here")


def _symlink(wish: dict[str, Any]) -> object:
    (Path(wish["out"]) / "link").symlink_to(wish["path"])
    return "linked"


def _hardlink(wish: dict[str, Any]) -> object:
    (Path(wish["out"]) / "hard").hardlink_to(wish["path"])
    return "linked"


def _parent_environ(_wish: dict[str, Any]) -> object:
    return Path(f"/proc/{os.getppid()}/environ").read_bytes()


def _own_environ(_wish: dict[str, Any]) -> object:
    names = [entry.split(b"=")[0].decode() for entry in _environ()]
    return " ".join(sorted(names))


def _environ() -> list[bytes]:
    return [e for e in Path("/proc/self/environ").read_bytes().split(b"\0") if e]


def _exec(_wish: dict[str, Any]) -> object:
    return subprocess.run(["/bin/true"], check=True).returncode


def _fork(_wish: dict[str, Any]) -> object:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    return os.waitpid(pid, 0)[1]


def _signal(wish: dict[str, Any]) -> object:
    os.kill(wish["pid"], 0)
    return "signalled"


def _ptrace(wish: dict[str, Any]) -> object:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.ptrace(16, wish["pid"], 0, 0) != 0:  # PTRACE_ATTACH
        raise OSError(ctypes.get_errno(), "ptrace")
    libc.waitpid(wish["pid"], None, 0)
    libc.ptrace(17, wish["pid"], 0, 0)
    return "attached"


def _descriptors(_wish: dict[str, Any]) -> object:
    return sorted(int(fd.name) for fd in Path("/proc/self/fd").iterdir())[:-1]


def _memory(wish: dict[str, Any]) -> object:
    return len(bytearray(wish["bytes"]))


def _shared_memory(wish: dict[str, Any]) -> object:
    with mmap.mmap(-1, wish["bytes"]) as memory:
        return len(memory)


def _map(wish: dict[str, Any]) -> object:
    """Map a file whole, three times over, and look at a byte of every 16 MiB."""
    path = Path(wish["path"])
    with path.open("rb") as file:
        maps = [mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) for _ in range(3)]
    return sum(sum(each[:: 16 << 20]) for each in maps)


def _maths(_wish: dict[str, Any]) -> object:
    import torch  # noqa: PLC0415 - only this act needs it

    torch.set_num_threads(2)
    return float((torch.ones(600, 600) @ torch.ones(600, 600)).sum())


def _cuda_maths(_wish: dict[str, Any]) -> object:
    import torch  # noqa: PLC0415 - only this act needs it

    ones = torch.ones(600, 600, device="cuda")
    return float((ones @ ones).sum())


def _cuda_and_memory(wish: dict[str, Any]) -> object:
    _cuda_maths(wish)
    return EXCESSES["private_memory"](wish)


def _crash(_wish: dict[str, Any]) -> object:
    os.abort()


def _python(_wish: dict[str, Any]) -> object:
    return sys.version


ACTS: dict[str, Act] = {
    "tcp": _tcp,
    "unix": _unix,
    "udp": _udp,
    "read": _read,
    "list": _list,
    "write": _write,
    "write_out": _write_out,
    "symlink": _symlink,
    "hardlink": _hardlink,
    "parent_environ": _parent_environ,
    "own_environ": _own_environ,
    "exec": _exec,
    "fork": _fork,
    "signal": _signal,
    "ptrace": _ptrace,
    "descriptors": _descriptors,
    "memory": _memory,
    "shared_memory": _shared_memory,
    "map": _map,
    "maths": _maths,
    "cuda_maths": _cuda_maths,
    "cuda_and_memory": _cuda_and_memory,
    "crash": _crash,
    **BREAK_INS,
    **EXCESSES,
}
