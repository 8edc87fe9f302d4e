"""Two services whose engine has been taken over: behind the walls, and without them."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from examples import service as started
from tests.redteam.door import Door
from worker.sandbox.walls import available

ROOT = Path(__file__).parents[3]
CAPS = {
    "LATHE_INSPECT_MEMORY_BYTES": str(1 << 30),
    "LATHE_CHILD_FILE_BYTES": str(64 << 20),
    "LATHE_CHILD_THREADS": "64",
    "LATHE_INSPECT_MAX_RUN_S": "60",
}


@dataclass(frozen=True)
class Owned:
    """A service whose engine does what an upload says, and what lies around it."""

    door: Door
    broker: Path
    supervisor: int


def _broker(service: int) -> Path:
    """The socket of the broker that this process has started."""
    return next(
        Path(connection.laddr)
        for process in psutil.Process(service).children()
        if process.name().startswith(("valkey", "redis"))
        for connection in process.net_connections("unix")
        if connection.laddr
    )


@contextmanager
def _taken_over(data: Path, sandbox: str) -> Iterator[Owned]:
    data.mkdir(parents=True)
    command = [sys.executable, "-m", "tests.redteam.sandbox.up"]
    environment = {**os.environ, **CAPS, "LATHE_SANDBOX": sandbox}
    with subprocess.Popen(
        [*command, "--data", str(data), "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=environment,
        start_new_session=True,
    ) as process:
        try:
            running = started._announced(process)
            headers = {"Authorization": f"Bearer {running.key}"}
            with httpx.Client(
                base_url=running.url, headers=headers, timeout=90, trust_env=False
            ) as http:
                door = Door(http, running.url, running.key, data)
                yield Owned(door, _broker(process.pid), process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(started.STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()


@pytest.fixture(scope="package")
def walled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Owned]:
    """Behind all walls."""
    if available().missing:
        pytest.skip(f"this kernel lacks {available().missing}")
    with _taken_over(tmp_path_factory.mktemp("walled") / "data", "required") as owned:
        yield owned


@pytest.fixture(scope="package")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Owned]:
    """Without any: LATHE_SANDBOX=off."""
    with _taken_over(tmp_path_factory.mktemp("bare") / "data", "off") as owned:
        yield owned
