"""A service for one command: started on a free port, stopped with the command.

Its data stays in the user's cache folder, so that what one run has computed the next one
finds in the step cache. Its admin key, which is printed once in its life, lies beside it.
"""

import ctypes
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lathe.cli.logins import secretly
from lathe.cli.server import server_environment
from lathe.errors import ServiceError

STOP_S = 15
_PR_SET_PDEATHSIG = 1


def folder() -> Path:
    """Where the data of embedded services of this user is."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "lathe" / "service"


@contextmanager
def embedded(command: list[str]) -> Iterator[tuple[str, str]]:
    """Url and key of a service that runs as long as this does; raises ServiceError with what
    it printed where it does not start."""
    data = folder()
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    libc = ctypes.CDLL(None)

    def end_with_parent() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)

    with subprocess.Popen(  # noqa: S603 - our own module
        [*command, "--data", str(data), "--port", "0"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        env=server_environment(),
        start_new_session=True,  # Ctrl-C is for the command to handle
        preexec_fn=end_with_parent,  # noqa: PLW1509 - no thread runs yet
    ) as process:
        try:
            yield _announced(process, data)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()  # the kernel ends its children with it


def _announced(process: "subprocess.Popen[str]", data: Path) -> tuple[str, str]:
    said: list[str] = []
    kept = data / "admin.key"
    for line in process.stdout or ():
        said.append(line.rstrip())
        words = line.split()
        if words[:1] == ["key"]:
            secretly(kept, words[1])
        if words[:1] == ["ready"]:
            if not kept.exists():
                raise ServiceError(
                    f"the key of the service in {data} is lost; remove the folder"
                )
            return words[1], kept.read_text()
    raise ServiceError("the embedded service did not start: " + "\n".join(said))
