"""The older release's tree, and one stack for both: `make test-upgrade OLD=<ref>`."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from stacks.postgres import Postgres
from stacks.valkey import Valkey
from tests.upgrade.release import ROOT, House, Release, unpacked


@pytest.fixture(scope="session")
def old(tmp_path_factory: pytest.TempPathFactory) -> Release:
    ref = os.environ.get("OLD", "HEAD~1")
    try:
        release = Release("old", unpacked(ref, tmp_path_factory.mktemp("old")))
    except RuntimeError as error:
        pytest.exit(str(error), returncode=1)
    release.check()
    return release


@pytest.fixture(scope="session")
def new() -> Release:
    release = Release("new", ROOT)
    release.check()
    return release


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'lathe.db'}"
        return
    server = Postgres()
    try:
        server.begin()
        server.execute("CREATE DATABASE lathe")
        yield server.url("lathe")
    finally:
        server.end()


@pytest.fixture
def house(database_url: str, tmp_path: Path) -> Iterator[House]:
    broker = Valkey()
    logs = tmp_path / "logs"
    logs.mkdir()
    try:
        broker.begin()
        house = House(
            {
                "LATHE_DATABASE_URL": database_url,
                "LATHE_OBJECTS_URL": f"file://{tmp_path / 'objects'}",
                "LATHE_BROKER_URL": broker.url,
                "LATHE_WORK_DIR": str(tmp_path / "work"),
                "LATHE_LOCK_PATH": str(tmp_path / "timing.lock"),
                "LATHE_LEASE_S": "4",
                "LATHE_SWEEP_S": "0.5",
                "LATHE_REHINT_S": "2",
                "LATHE_THREADS": "1",
                "LATHE_SLOTS": "2",
                "LATHE_DRAIN_S": "0",
            },
            logs,
        )
        yield house
        house.close()
    finally:
        broker.end()
