"""nanio, a small S3 server in Python: the fallback where Swift cannot run.

Known to be laxer: it takes no conditional PUT and answers no GET with 304.
"""

import os
import subprocess
import sys
from pathlib import Path

from stacks.children import free_ports, start

USER, SECRET = "lathe-tests", "secret-of-the-tests"


def start_nanio(folder: Path, log: Path) -> tuple[list[subprocess.Popen[bytes]], str]:
    """Start the server; returns it and its endpoint."""
    with free_ports(1) as (port,):
        endpoint = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "nanio", "serve", "--data-dir", f"{folder / 'buckets'}"]
    command += ["--host", "127.0.0.1", "--port", f"{port}", "--no-access-log"]
    keys = {"NANIO_ACCESS_KEY": USER, "NANIO_SECRET_KEY": SECRET}
    return [start(command, log, env={**os.environ, **keys})], endpoint
