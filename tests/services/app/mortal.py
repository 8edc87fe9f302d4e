"""An API process that is killed and comes back at the same address."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parents[3]
READY_WITHIN_S = 30.0


class Mortal:
    """One API; its door stays open while nobody is behind it, so clients wait."""

    def __init__(self, environment: Mapping[str, str], log: Path) -> None:
        self._environment, self._log = environment, log
        self._door = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"http://127.0.0.1:{self._door.getsockname()[1]}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns when it answers."""
        number = self._door.fileno()
        with self._log.open("ab") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "app.serve", "--fd", f"{number}"],
                cwd=ROOT,
                env={**os.environ, **self._environment},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                pass_fds=(number,),
            )
        deadline = time.monotonic() + READY_WITHIN_S
        while True:
            assert self._process.poll() is None, self._log.read_text()
            assert time.monotonic() < deadline, self._log.read_text()
            try:
                httpx.get(f"{self.url}/healthz", trust_env=False, timeout=5).raise_for_status()
            except httpx.HTTPError:
                time.sleep(0.05)
            else:
                return

    def kill(self) -> None:
        """SIGKILL; every connection to it is cut."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def freeze(self) -> None:
        """It stands still."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on as if nothing had been."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def files(self) -> int:
        """How many it has open, connections among them."""
        return len(list((self._proc() / "fd").iterdir()))

    def anonymous_bytes(self) -> int:
        """Its own memory (RssAnon)."""
        lines = (self._proc() / "status").read_text().splitlines()
        line = next(line for line in lines if line.startswith("RssAnon:"))
        return int(line.split()[1]) * 1024

    def said(self) -> str:
        """Its log."""
        return self._log.read_text()

    def _proc(self) -> Path:
        assert self._process is not None
        return Path("/proc") / str(self._process.pid)

    def close(self) -> None:
        """For good."""
        self._door.close()
        if self._process is not None:
            self.kill()


@contextmanager
def mortal(environment: Mapping[str, str], log: Path) -> Iterator[Mortal]:
    """Started; gone when the block ends."""
    process = Mortal(environment, log)
    try:
        process.start()
        yield process
    finally:
        process.close()
