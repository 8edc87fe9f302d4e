"""A service whose engine has been taken over, behind all walls that an upload does not lift."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from examples import service as started
from tests.redteam.door import Door, entered
from worker.sandbox.walls import available

ROOT = Path(__file__).parents[3]
CAPS = {
    "LATHE_INSPECT_MEMORY_BYTES": str(1 << 30),
    "LATHE_CHILD_FILE_BYTES": str(64 << 20),
    "LATHE_CHILD_THREADS": "64",
    "LATHE_INSPECT_MAX_RUN_S": "300",
    "LATHE_NICE": "0",
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


@pytest.fixture(scope="package")
def owned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Owned]:
    """The service, which is as in production but for its engine."""
    if available().missing:
        pytest.skip(f"this kernel lacks {available().missing}")
    data = tmp_path_factory.mktemp("owned") / "data"
    data.mkdir(parents=True)
    command = [sys.executable, "-m", "tests.redteam.sandbox.up"]
    environment = {**os.environ, **CAPS, "LATHE_SANDBOX": "required"}
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
            with entered(running.url, running.key, data) as door:
                yield Owned(door, _broker(process.pid), process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(started.STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
