"""What can befall a server: it stops, it freezes, it has no room left."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from stacks.children import free_ports
from stacks.postgres import Postgres
from stacks.valkey import Valkey

ROOT = Path(__file__).resolve().parents[3]


@contextmanager
def frozen(process: "subprocess.Popen[bytes] | None") -> Iterator[None]:
    """SIGSTOP the process and every descendant until the block ends."""
    assert process is not None
    parent = psutil.Process(process.pid)
    family = [parent, *parent.children(recursive=True)]
    for each in family:
        each.suspend()
    try:
        yield
    finally:
        for each in family:
            if each.is_running():
                each.resume()


@contextmanager
def stopped_postgres(postgres: Postgres) -> Iterator[None]:
    """A fast shutdown and a start."""
    postgres.stop()
    try:
        yield
    finally:
        postgres.begin()


@contextmanager
def crowded_postgres(postgres: Postgres, database: str) -> Iterator[None]:
    """Cut everybody off, and take every connection there is."""
    with ExitStack() as held:
        admin = held.enter_context(psycopg.connect(postgres.url(), autocommit=True))
        try:
            while True:
                held.enter_context(psycopg.connect(postgres.url()))
        except psycopg.OperationalError:
            pass
        cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
        admin.execute(cut, [database])
        try:
            while True:
                held.enter_context(psycopg.connect(postgres.url()))
        except psycopg.OperationalError:
            yield


@contextmanager
def stopped_valkey(valkey: Valkey) -> Iterator[None]:
    """It ends, and comes back empty."""
    valkey.stop()
    try:
        yield
    finally:
        valkey.begin()


@contextmanager
def full_valkey(valkey: Valkey) -> Iterator[None]:
    """Its memory is used up and nothing may be thrown out."""
    with redis.Redis(unix_socket_path=str(valkey.socket)) as client:
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("maxmemory", "100kb")
        try:
            yield
        finally:
            client.config_set("maxmemory", "0")


class Bridge:
    """The way to the object store, as `tests.chaos.proxy` keeps it."""

    def __init__(self, server_port: int) -> None:
        with free_ports(1) as (self.port,):
            pass
        self._server_port = server_port
        self.process = self._start()

    def turn(self, mood: str) -> None:
        """pass, busy, reset, cut or slow."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{mood}\n".encode())
        self.process.stdin.flush()
        time.sleep(0.1)

    @contextmanager
    def mood(self, mood: str) -> Iterator[None]:
        """That mood while the block runs."""
        self.turn(mood)
        try:
            yield
        finally:
            self.turn("pass")

    @contextmanager
    def gone(self) -> Iterator[None]:
        """Nobody listens."""
        self.end()
        try:
            yield
        finally:
            self.process = self._start()

    def end(self) -> None:
        """Stop listening."""
        self.process.send_signal(signal.SIGCONT)
        self.process.kill()
        self.process.communicate()

    def _start(self) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "tests.chaos.proxy", f"{self.port}"]
        return subprocess.Popen(
            [*command, f"{self._server_port}"],
            cwd=ROOT,
            env=os.environ.copy(),
            stdin=subprocess.PIPE,
        )


@contextmanager
def small_disk(folder: Path, size_bytes: int) -> Iterator[None]:
    """`folder` is a disk of so many bytes; skips the test where none can be mounted."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size_bytes}", "lathe-tests", f"{folder}"]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("only root may mount a disk")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", f"{folder}"], check=True)


@contextmanager
def filled(folder: Path) -> Iterator[None]:
    """Not a byte is left on the disk of `folder`."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        size = 1 << 16
        while size:
            try:
                file.write(bytes(size))
            except OSError:
                size //= 2
    try:
        yield
    finally:
        ballast.unlink()
