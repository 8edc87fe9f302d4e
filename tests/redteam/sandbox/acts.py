"""An engine that has been taken over: it does what the upload says, whatever that is.

The upload is JSON, `{"act": name, ...}`. What it comes to is told by a refusal that
begins with `done`; what the walls refuse ends as any other mistake of an engine does. Acts that
reach for the service itself are here; the others are those of `tests/services/worker`.
"""

import ctypes
import io
import json
import os
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lathe.errors import UnsupportedModel
from tests.redteam.sandbox.ring import ringed_socket
from tests.services.worker.acts import ACTS as PLAIN
from worker.child import Say
from worker.engine.measure.locks import TimingLock
from worker.wire import Compress, Ending, InspectDataset, InspectModel, Refusal

Wish = dict[str, Any]
_ARENA_MAX = -8  # mallopt(3)


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
    return Refusal(failure=UnsupportedModel(f"done: {detail!r:.200}").failure())


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


def _fill(wish: Wish) -> object:
    with (Path(wish["out"]) / "filling").open("wb") as file:
        for _ in range(wish["bytes"] >> 20):
            file.write(bytes(1 << 20))
        return file.tell()


def _threads(wish: Wish) -> object:
    """As many as are asked for, none of which reserves much: for most of their own, glibc takes
    64 MB of address space, and that limit would be reached first."""
    if ctypes.CDLL(None).mallopt(_ARENA_MAX, 1) != 1:
        raise RuntimeError("glibc takes no limit of its arenas")
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


def _ring(_wish: Wish) -> object:
    """A datagram again, from a socket that no filter has seen the making of."""
    with ringed_socket() as line:
        return line.sendto(b"x", ("127.0.0.1", 9))


ACTS: dict[str, Callable[[Wish], object]] = {
    **PLAIN,
    "tcp": _tcp,
    "unix": _unix,
    "udp": _udp,
    "fill": _fill,
    "threads": _threads,
    "files": _files,
    "ring": _ring,
}
