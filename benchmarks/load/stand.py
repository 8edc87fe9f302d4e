"""The service that is loaded: the whole process tree, on either database."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.rss import processes
from examples.service import embedded
from stacks.postgres import Postgres
from stacks.valkey import Valkey

SLOTS = 2  # compressions at once
NICE = "19"


@dataclass(frozen=True, slots=True)
class Stand:
    """A running service; `logs` is the folder of its processes' logs."""

    url: str
    key: str
    database_url: str
    logs: Path

    def pid(self, role: str) -> int:
        """Of the process with this role now; raises RuntimeError where there is none."""
        for process in processes(os.getpid()):
            if process.role == role:
                return process.pid
        raise RuntimeError(f"no process is {role}; see {self.logs}")


@contextmanager
def stand(database: str) -> Iterator[Stand]:
    """The embedded service: on a SQLite file, or on PostgreSQL with a Valkey of its own."""
    folder = Path(tempfile.mkdtemp(prefix="lathe-bench-load-"))
    data = folder / "data"
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder)
        more = {"LATHE_SLOTS": str(SLOTS), "LATHE_LOCK_PATH": str(folder / "lock")}
        more["LATHE_NICE"] = NICE
        database_url = f"sqlite:///{data / 'lathe.db'}"
        if database == "postgresql":
            database_url = more["LATHE_DATABASE_URL"] = _postgres(stack)
            more["LATHE_BROKER_URL"] = _valkey(stack)
        service = stack.enter_context(embedded(data, environment=more))
        yield Stand(service.url, service.key, database_url, data / "logs")


def _postgres(stack: ExitStack) -> str:
    server = Postgres()
    stack.callback(server.end)
    server.begin()
    return server.url()


def _valkey(stack: ExitStack) -> str:
    server = Valkey()
    stack.callback(server.end)
    server.begin()
    return server.url
