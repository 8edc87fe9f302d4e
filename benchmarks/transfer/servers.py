"""The service's API without its workers, and the bare server, both under the same uvicorn."""

import os
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.store.bootstrap import bootstrap
from app.store.migrate import upgrade
from app.up.broker import choose
from app.up.tree import Child, Tree
from benchmarks.transfer.wire import exchange

START_WITHIN_S = 60.0
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Server:
    """One uvicorn process; `headers` open its doors, `folder` holds all it stores,
    `tree` can start more beside it."""

    url: str
    pid: int
    headers: dict[str, str]
    folder: Path
    tree: Tree


@contextmanager
def lathe(data: Path, objects_url: str, more: Mapping[str, str]) -> Iterator[Server]:
    """The API on a fresh SQLite file, with the broker of an embedded service and `more` in the
    environment. No worker runs, so an upload's inspection waits and takes nothing away."""
    data.mkdir()
    broker = choose(data)
    database_url = f"sqlite:///{data / 'lathe.db'}"
    environment = {
        "LATHE_DATABASE_URL": database_url,
        "LATHE_OBJECTS_URL": objects_url,
        "LATHE_BROKER_URL": broker.url,
        **more,
    }
    upgrade(database_url)
    key = bootstrap(database_url)
    first = [Child("broker", broker.command)] if broker.command else []
    headers = {"Authorization": f"Bearer {key}"}
    with _running("app.main:app", data, environment, first) as (url, pid, tree):
        yield Server(url, pid, headers, data, tree)


@contextmanager
def bare(folder: Path) -> Iterator[Server]:
    """`benchmarks.transfer.bare` on a folder."""
    folder.mkdir()
    place = {"BARE_FOLDER": str(folder)}
    with _running("benchmarks.transfer.bare:app", folder, place, []) as (url, pid, tree):
        yield Server(url, pid, {}, folder, tree)


@contextmanager
def _running(
    app: str, folder: Path, environment: Mapping[str, str], first: list[Child]
) -> Iterator[tuple[str, int, Tree]]:
    door = socket.create_server(("127.0.0.1", 0), backlog=256)
    command = [sys.executable, "-m", "uvicorn", app, "--fd", str(door.fileno())]
    api = Child("api", (*command, "--no-access-log"), pass_fds=(door.fileno(),))
    tree = Tree(folder, {**os.environ, **environment, "PYTHONPATH": str(ROOT)})
    url = f"http://127.0.0.1:{door.getsockname()[1]}"
    try:
        for child in (*first, api):
            tree.start(child)
        _await(tree, url)
        assert api.process is not None
        yield url, api.process.pid, tree
    finally:
        tree.stop()
        door.close()


def _await(tree: Tree, url: str) -> None:
    """The door's backlog keeps the question until the server takes it; a server that dies is
    started again a few times and then raised about."""
    deadline = time.monotonic() + START_WITHIN_S
    while time.monotonic() < deadline:
        tree.watch()
        try:
            exchange(f"{url}/healthz", "GET", patience_s=2.0)
        except OSError:  # not taken yet, or let go of
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"no answer within {START_WITHIN_S:.0f} s; see {tree.log('api')}")
