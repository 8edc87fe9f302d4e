"""`lathe login` and `lathe logout`: the service and key of this user, kept in a file."""

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from lathe.cli.options import AsJson
from lathe.cli.say import note, show
from lathe.client import Client
from lathe.errors import UserError


def login(
    url: Annotated[str, typer.Option(envvar="LATHE_URL", prompt=True, help="The service.")],
    key: Annotated[
        str, typer.Option(envvar="LATHE_KEY", prompt=True, hide_input=True, help="API key.")
    ],
    *,
    as_json: AsJson = False,
) -> None:
    """Keep a service and a key for the commands to come, readable by you alone."""
    with Client(url, key) as lathe:
        lathe.recipes()  # a wrong address or key is noticed here
    path = file()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    secretly(path, json.dumps({"url": url, "key": key}))
    if as_json:
        show({"url": url, "file": str(path)})
    note(f"Logged in to {url}; `lathe logout` forgets it ({path}).")


def logout(*, as_json: AsJson = False) -> None:
    """Forget the service and the key."""
    path = file()
    path.unlink(missing_ok=True)
    if as_json:
        show({"file": str(path)})
    note("Logged out.")


def file() -> Path:
    """Where the login is kept."""
    home = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(home) / "lathe" / "login.json"


def kept() -> tuple[str, str] | None:
    """Url and key of the last login; raises UserError for a file that is none."""
    path = file()
    try:
        stored = json.loads(path.read_text())
        return stored["url"], stored["key"]
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is damaged; run `lathe login` again") from error


def secretly(path: Path, text: str) -> None:
    """Write a file that nobody else can read, not even while it is written."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        out.write(text)
    fresh.replace(path)
