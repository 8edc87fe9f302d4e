"""`lathe` against a played service, with folders of its own and no pauses."""

import functools
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from click.testing import Result
from typer.testing import CliRunner

from lathe.cli import app, connect, logins
from lathe.client import Client
from tests.unit.lathe.cli.played import Played

Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("LATHE_URL", "LATHE_KEY", "LATHE_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(time, "sleep", lambda _: None)


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Played:
    """What the command finds at LATHE_URL."""
    played = Played()
    client = functools.partial(Client, transport=httpx.MockTransport(played))
    monkeypatch.setattr(connect, "Client", client)
    monkeypatch.setattr(logins, "Client", client)
    monkeypatch.setenv("LATHE_URL", "http://lathe.test")
    monkeypatch.setenv("LATHE_KEY", "lt_key")
    return played


@pytest.fixture
def run() -> Run:
    """The command with these words."""
    return lambda *words: CliRunner().invoke(app, [str(word) for word in words])
