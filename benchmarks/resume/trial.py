"""One upload in three cuts: the client is killed, the API is killed, the connection is cut."""

import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from obstore.store import LocalStore, S3Store
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.store.blobs.inventory import digest
from app.store.db import Sessions, sessions, sync_engine
from app.store.rows import Blob, Job, Model, Upload
from app.store.rows.base import utc_now
from benchmarks.resume.way import Way
from benchmarks.transfer.servers import Server
from lathe.states import JobState, UploadState

ROOT = Path(__file__).parents[2]
CUTS = (0.25, 0.5, 0.75)  # of the file


@dataclass(frozen=True, slots=True)
class Trial:
    """How it went. `right` is the stored object read back, against the file."""

    seconds: float
    sent_bytes: int
    size_bytes: int
    right: bool
    cut_at: tuple[int, ...]

    @property
    def sent_again(self) -> float:
        """What was sent beyond the file, headers and questions included, over the file."""
        return self.sent_bytes / self.size_bytes - 1


def trial(server: Server, body: Path, store: LocalStore | S3Store, scratch: Path) -> Trial:
    """Run it; raises RuntimeError where the last client does not end well."""
    engine = sync_engine(f"sqlite:///{server.folder / 'lathe.db'}")
    rows = sessions(engine)
    size_bytes, way, began_s = body.stat().st_size, Way(server.url), time.monotonic()
    first, second, third = (int(share * size_bytes) for share in CUTS)
    cut_at = []
    try:
        with _sender(way.url, server, body, scratch) as sender:
            cut_at.append(_until(sender, first))
            sender.kill()
        with _sender(way.url, server, body, scratch) as sender, _inspecting(rows):
            cut_at.append(_until(sender, second))
            _kill_api(server)
            cut_at.append(_until(sender, third))
            way.cut()
            for _ in sender.stdout or ():
                pass
        if sender.returncode != 0:
            raise RuntimeError(f"the upload ended with {sender.returncode}")
        seconds = time.monotonic() - began_s
    finally:
        way.close()
    right = _is_right(rows, body, store)
    engine.dispose()
    return Trial(seconds, way.sent_bytes, size_bytes, right, tuple(cut_at))


@contextmanager
def _sender(
    url: str, server: Server, body: Path, scratch: Path
) -> "Iterator[subprocess.Popen[str]]":
    key = server.headers["Authorization"].removeprefix("Bearer ")
    command = [sys.executable, "-m", "benchmarks.resume.sender", url, key, str(body)]
    own = {"PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(scratch / "cache")}
    with subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, **own}, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process


def _until(sender: "subprocess.Popen[str]", sent_bytes: int) -> int:
    for line in sender.stdout or ():
        if int(line) >= sent_bytes:
            return int(line)
    raise RuntimeError("the upload ended before it could be cut")


def _kill_api(server: Server) -> None:
    """SIGKILL; the tree starts it again behind the same door."""
    os.kill(server.pid, signal.SIGKILL)
    while not server.tree.watch():
        time.sleep(0.01)


@contextmanager
def _inspecting(rows: Sessions) -> Iterator[None]:
    """Plays the worker, whose inspection is no part of an upload: every model is ready."""
    over = threading.Event()

    def inspect() -> None:
        while not over.wait(0.2):
            with rows.begin() as session:
                _make_ready(session)

    thread = threading.Thread(target=inspect)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _make_ready(session: Session) -> None:
    pending = Model.state == UploadState.PENDING
    jobs = select(Model.inspection_job_id).where(pending)
    ended = {"state": JobState.SUCCEEDED, "finished_at": utc_now()}
    session.execute(update(Job).where(Job.id.in_(jobs)).values(**ended))
    session.execute(update(Model).where(pending).values(state=UploadState.READY))


def _is_right(rows: Sessions, body: Path, store: LocalStore | S3Store) -> bool:
    """Whether one upload made one object, which is read back as the file is."""
    with rows.begin() as session:
        blob = session.scalars(select(Blob)).one()
        uploads = session.scalars(select(Upload)).all()
    with body.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return len(uploads) == 1 and blob.sha256 == sha256 == digest(store, blob.key)
