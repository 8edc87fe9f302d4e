"""What the service stands on in a campaign: two stacks of real parts that can be hurt.

    sqlite    SQLite, a folder of objects, Valkey
    servers   PostgreSQL, S3 behind a door that can misbehave, Valkey

Work folder and objects lie on small disks of their own where this machine lets us mount them.
"""

import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from app.store.bootstrap import bootstrap
from app.store.migrate import upgrade
from stacks.children import free_ports, stop
from stacks.postgres import Postgres
from stacks.s3 import S3
from stacks.valkey import Valkey
from tests.chaos.mounts import Disk

ROOT = Path(__file__).resolve().parents[2]
LEASE_S = 3.0
SWEEP_S = 0.5

_WORK_BYTES, _OBJECTS_BYTES = 192 << 20, 1 << 30


class S3Door:
    """The proxy in front of S3, as a process of its own."""

    def __init__(self, server_port: int, log: Path) -> None:
        with free_ports(1) as (self.port,):
            pass
        command = [sys.executable, "-m", "tests.chaos.proxy", f"{self.port}", f"{server_port}"]
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=out, stderr=out, cwd=ROOT
            )

    def turn(self, mood: str) -> None:
        """pass, busy, reset, cut or slow; see `tests.chaos.proxy`."""
        pipe = self._process.stdin
        if pipe is None:
            raise RuntimeError("the door has no way in")
        pipe.write(f"{mood}\n".encode())
        pipe.flush()

    def close(self) -> None:
        """End the proxy."""
        stop([self._process], signal.SIGTERM)


@dataclass(frozen=True, slots=True)
class Stack:
    """The parts by name; what a stack does not have is None."""

    name: str
    folder: Path
    environment: dict[str, str]
    key: str
    valkey: Valkey
    work: Disk | None
    objects: Disk | None
    postgres: Postgres | None = None
    door: S3Door | None = None

    @property
    def database_url(self) -> str:
        """As LATHE_DATABASE_URL has it."""
        return self.environment["LATHE_DATABASE_URL"]

    @property
    def work_dir(self) -> Path:
        """Where jobs have their folders."""
        return Path(self.environment["LATHE_WORK_DIR"])

    @property
    def objects_dir(self) -> Path:
        """The folder of objects of the stack that has one."""
        return Path(urlsplit(self.environment["LATHE_OBJECTS_URL"]).path)


@contextmanager
def standing(name: str, *, disks: bool) -> Iterator[Stack]:
    """Every part of a stack, started, migrated and empty; gone at the end."""
    with ExitStack() as ends:
        folder = Path(tempfile.mkdtemp(prefix="lathe-chaos-"))
        ends.callback(shutil.rmtree, folder)
        work = _disk(ends, folder / "work-disk", _WORK_BYTES) if disks else None
        objects = _disk(ends, folder / "objects-disk", _OBJECTS_BYTES) if disks else None
        (folder / "objects-disk").mkdir(exist_ok=True)
        valkey = Valkey()
        ends.callback(valkey.end)
        valkey.begin()
        environment = {
            "LATHE_DATABASE_URL": f"sqlite:///{folder / 'lathe.db'}",
            "LATHE_OBJECTS_URL": f"file://{folder / 'objects-disk' / 'objects'}",
            "LATHE_BROKER_URL": valkey.url,
            "LATHE_WORK_DIR": str(folder / "work-disk" / "work"),
            "LATHE_LOCK_PATH": str(folder / "timing.lock"),
            "LATHE_SIGNING_KEY_FILE": str(folder / "signing-key.pem"),
            "LATHE_LEASE_S": str(LEASE_S),
            "LATHE_SWEEP_S": str(SWEEP_S),
            "LATHE_REHINT_S": "2",
            "LATHE_THREADS": "1",
            "LATHE_SANDBOX": "auto",
            "LATHE_DRAIN_S": "2",
            "LATHE_OBJECTS_PATIENCE_S": "2",
            "LATHE_OBJECTS_RETRY_S": "2",
        }
        postgres, door = None, None
        if name == "servers":
            postgres, door, places = _servers(ends, folder)
            environment |= places
        url = environment["LATHE_DATABASE_URL"]
        upgrade(url)
        key = bootstrap(url)
        if key is None:
            raise RuntimeError("the database was not new")
        yield Stack(
            name, folder, environment, key, valkey, work, objects, postgres=postgres, door=door
        )


def _servers(ends: ExitStack, folder: Path) -> tuple[Postgres, S3Door, dict[str, str]]:
    postgres = Postgres(durable=True)
    ends.callback(postgres.end)
    postgres.begin()
    postgres.execute("CREATE DATABASE lathe")
    s3 = S3(within=folder / "objects-disk")
    ends.callback(s3.end)
    s3.begin()
    door = S3Door(urlsplit(s3.endpoint).port or 0, folder / "door.log")
    ends.callback(door.close)
    query = urlencode({"endpoint": f"http://127.0.0.1:{door.port}", "region": s3.region})
    return (
        postgres,
        door,
        {
            "LATHE_DATABASE_URL": postgres.url("lathe"),
            "LATHE_OBJECTS_URL": f"s3://{s3.bucket}/lathe?{query}",
            "LATHE_S3_ACCESS_KEY_ID": s3.key,
            "LATHE_S3_SECRET_ACCESS_KEY": s3.secret,
        },
    )


def _disk(ends: ExitStack, path: Path, size_bytes: int) -> Disk:
    disk = Disk(path, size_bytes)
    ends.callback(disk.unmount)
    return disk
