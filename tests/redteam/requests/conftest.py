"""The server without its bounds: uvicorn as it comes, before an application that has none."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def unguarded() -> Iterator[tuple[str, int]]:
    """Where it listens."""
    listening = socket.create_server(("127.0.0.1", 0))
    address: tuple[str, int] = listening.getsockname()
    command = [sys.executable, "-m", "uvicorn", "tests.redteam.requests.plain:app"]
    command += ["--fd", str(listening.fileno()), "--log-level", "critical"]
    with subprocess.Popen(command, cwd=ROOT, pass_fds=[listening.fileno()]) as server:
        listening.close()
        try:
            deadline = time.monotonic() + 30
            while True:
                with socket.create_connection(address, timeout=30) as line:
                    line.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                    if line.recv(9):
                        break
                assert time.monotonic() < deadline
            yield address
        finally:
            server.kill()
