"""Which service a command talks to."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from lathe.cli.embedded import embedded
from lathe.cli.logins import kept
from lathe.cli.say import note
from lathe.cli.server import server_command
from lathe.cli.wrong import wrong
from lathe.client import Client
from lathe.client.talk import Pause

_NOTEWORTHY_S = 1.0


@dataclass(frozen=True, slots=True)
class Connection:
    """A client; `passing` says that its service ends with this command."""

    lathe: Client
    passing: bool = False


def is_named(url: str | None) -> bool:
    """Whether there is a service to talk to, rather than one to be started."""
    return url is not None or kept() is not None


@contextmanager
def connected(url: str | None, key: str | None) -> Iterator[Connection]:
    """The service that is named by option or variable, that of `lathe login`, or one that is
    started for this command; ends the command where there is none of them."""
    login = None if url and key else kept()
    if url is None and login is not None:
        url, key = login[0], key or login[1]
    elif url is not None and key is None and login is not None and login[0] == url:
        key = login[1]
    if url is not None:
        if key is None:
            raise wrong("There is no API key; give --key, set LATHE_KEY, or `lathe login`.")
        with Client(url, key, pausing=_told) as lathe:
            yield Connection(lathe)
        return
    command = server_command()
    if command is None:
        raise wrong(
            "No service is named; give --url and --key, set LATHE_URL and LATHE_KEY, or `lathe "
            "login`. Where the server's packages are installed, none is needed."
        )
    note("starting a service on this machine")
    with embedded(command) as (here, its_key), Client(here, its_key, pausing=_told) as lathe:
        yield Connection(lathe, passing=True)


def _told(pause: Pause) -> None:
    if pause.seconds >= _NOTEWORTHY_S:
        note(f"{pause.why}; asking again in {pause.seconds:.0f} s")
