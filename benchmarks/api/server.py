"""One uvicorn process on one core, as the service is run: uvloop, httptools, no access log of
its own. What it uses is read from /proc."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from stacks.children import free_ports, start, stop, wait_until

_TICKS_A_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Server:
    """A running server and where its output goes."""

    port: int
    log: Path
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def cpu_s(self) -> float:
        """Seconds of user and system time that the process has used, all threads."""
        return cpu_s(self.process.pid)


def cpu_s(pid: int) -> float:
    """Seconds of user and system time of a living process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_A_S


@contextmanager
def serving(
    app: str, core: int, folder: Path, environment: Mapping[str, str]
) -> Iterator[Server]:
    """Serve `app` (module:name) on that core until the block ends."""
    log = folder / f"{app.partition(':')[0]}.log"
    with free_ports(1) as ports:
        port = ports[0]
    command = ["taskset", "-c", str(core), sys.executable, "-m", "uvicorn", app]
    command += ["--port", str(port), "--no-access-log", "--loop", "uvloop"]
    command += ["--http", "httptools"]
    root = str(Path(__file__).parents[2])
    process = start(command, log, env={**os.environ, **environment, "PYTHONPATH": root})
    server = Server(port, log, process)
    try:
        wait_until(lambda: _answers(server.url), process, log)
        yield server
    finally:
        stop([process])


def _answers(url: str) -> bool:
    try:
        httpx.get(url, timeout=5, trust_env=False)
    except httpx.TransportError:
        time.sleep(0.1)
        return False
    return True
