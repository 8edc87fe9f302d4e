"""Start the embedded service beside a script, and stop it with the script."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

STOP_S = 15


@dataclass(frozen=True, slots=True)
class Service:
    """Where a running service is and the admin key it printed."""

    url: str
    key: str


@contextmanager
def embedded(data: Path, *, environment: dict[str, str] | None = None) -> Iterator[Service]:
    """Run `python -m app.up` on a free port with a new data folder; stop all of it at the end.

    Raises RuntimeError with what the service printed when it does not come up.
    """
    data.mkdir(parents=True)
    command = [sys.executable, "-m", "app.up", "--data", str(data), "--port", "0"]
    with subprocess.Popen(  # noqa: S603 - our own module
        command,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).resolve().parent.parent,
        env={**os.environ, **(environment or {})},
        start_new_session=True,
    ) as process:
        try:
            yield _announced(process)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()  # the kernel ends its children with it


def _announced(process: "subprocess.Popen[str]") -> Service:
    said, key = [], ""
    for line in process.stdout or ():
        said.append(line)
        words = line.split()
        if words[:1] == ["key"]:
            key = words[1]
        if words[:1] == ["ready"]:
            return Service(url=words[1], key=key)
    raise RuntimeError("the service did not start:\n" + "".join(said))
