"""One act in one real child, and what lies outside for it to reach."""

import json
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lathe.errors import Failure, ResourceExhausted
from tests.services.worker.births import all_said, bear
from worker.folder import job_folder
from worker.nursery import Nursery
from worker.order import Died
from worker.sandbox.walls import Mode, Policy
from worker.sandbox.watch import Watch
from worker.wire import InspectModel, Refusal

JOB = "job_01k3aaaaaaaaaaaaaaaaaaaaaa"
MEMORY_BYTES = 3 << 30


@dataclass(frozen=True)
class World:
    """Things outside the child's folder that it must not reach."""

    tcp_port: int
    unix_path: Path
    datagram_path: Path
    secret: Path
    process: int


@contextmanager
def outside(folder: Path, user: int | None = None) -> Iterator[World]:
    """Listeners, a secret file and a process; all of them `user`'s where one is named."""
    secret = folder / "secret"
    secret.write_text("s3cret")
    sleeper = subprocess.Popen(["sleep", "600"], user=user)
    abstract = f"\0lathe-{sleeper.pid}"
    datagrams = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listeners = [
        socket.create_server(("127.0.0.1", 0)),
        _listener(os.path.relpath(folder / "s")),
        _listener(abstract),
    ]
    datagrams.bind(os.path.relpath(folder / "d"))
    for listener in listeners:
        threading.Thread(target=_greet, args=(listener,), daemon=True).start()
    if user is not None:
        for path in (folder, *folder.iterdir()):
            os.chown(path, user, user)
    try:
        port = listeners[0].getsockname()[1]
        yield World(port, folder / "s", folder / "d", secret, sleeper.pid)
    finally:
        sleeper.kill()
        sleeper.wait()
        for listener in (*listeners, datagrams):
            listener.close()


def _listener(address: str) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen()
    return listener


def _greet(listener: socket.socket) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:  # the test is over
            return
        with connection:
            connection.send(b"hello")


def attempt(
    nursery: Nursery,
    folder: Path,
    mode: Mode,
    wish: dict[str, Any],
    user: int | None = None,
    **rules: Any,
) -> tuple[Failure | None, Died]:
    """Let a child try one act; what it answered, and how it ended. The folder is `user`'s."""
    answer, died, _ = watched(nursery, folder, mode, wish, user, **rules)
    return answer, died


def watched(
    nursery: Nursery,
    folder: Path,
    mode: Mode,
    wish: dict[str, Any],
    user: int | None = None,
    **rules: Any,
) -> tuple[Failure | None, Died, ResourceExhausted | None]:
    """The same with the cap that its watch killed it for. `rules` are of its policy."""
    with job_folder(folder, JOB, 1) as job:
        if "sparse_bytes" in wish:
            with (job.inside / "data").open("wb") as file:
                file.truncate(wish["sparse_bytes"])
            wish["path"] = str(job.inside / "data")
        (job.inside / "upload").write_text(json.dumps(wish))
        (job.inside / "task.json").write_text(InspectModel(upload="upload").model_dump_json())
        if user is not None:
            for place in (job.path, *job.path.rglob("*")):
                shutil.chown(place, user, user)
        policy = Policy(
            mode=mode,
            read=(job.inside,),
            write=(job.out, job.path / "tmp"),
            memory_bytes=MEMORY_BYTES,
            cpu_s=60,
            file_bytes=1 << 20,
        )
        policy = policy.with_staged(job.staged_bytes).model_copy(update=rules)
        pid, pipe = bear(nursery, job, policy, folder / "timing.lock")
        with Watch(pid, policy, job) as watch:
            heard = all_said(pipe)
        died = nursery.died(10)
    assert died is not None
    refusal = heard[-1] if heard else None
    answer = refusal.failure if isinstance(refusal, Refusal) else None
    return answer, died, watch.broken
