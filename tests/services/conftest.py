"""Real servers for the tests in this folder: started when first asked for, gone at the end.

postgres            the server: url(database), stop(), begin()
postgres_url        its maintenance database
postgres_database_url   a fresh migrated database of this test alone
sqlite_database_url     the same, of SQLite: lathe.db in the test's folder
valkey              the server: socket, url, flush()
valkey_socket, valkey_url   the broker as a path and as LATHE_BROKER_URL
s3                  endpoint, bucket, key, secret, region, url (LATHE_OBJECTS_URL)
"""

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.store.migrate import upgrade
from stacks.postgres import Postgres
from stacks.s3 import S3
from stacks.valkey import Valkey

_TEMPLATE = "migrated"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything below this folder needs servers: `-m "not services"` leaves it out."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.services)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    server = Postgres()
    try:
        server.begin()
        yield server
    finally:
        server.end()


@pytest.fixture(scope="session")
def postgres_url(postgres: Postgres) -> str:
    return postgres.url()


@pytest.fixture(scope="session")
def _postgres_template(postgres: Postgres) -> str:
    postgres.execute(f"CREATE DATABASE {_TEMPLATE}")
    upgrade(postgres.url(_TEMPLATE))
    return _TEMPLATE


@pytest.fixture
def postgres_database_url(postgres: Postgres, _postgres_template: str) -> Iterator[str]:
    name = f"t{uuid.uuid4().hex}"
    postgres.execute(f"CREATE DATABASE {name} TEMPLATE {_postgres_template}")
    yield postgres.url(name)
    postgres.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def _sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp(_TEMPLATE) / "lathe.db"
    upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture
def sqlite_database_url(_sqlite_template: Path, tmp_path: Path) -> str:
    return f"sqlite:///{shutil.copy(_sqlite_template, tmp_path)}"


@pytest.fixture(scope="session")
def valkey() -> Iterator[Valkey]:
    server = Valkey()
    try:
        server.begin()
        yield server
    finally:
        server.end()


@pytest.fixture(scope="session")
def valkey_socket(valkey: Valkey) -> Path:
    return valkey.socket


@pytest.fixture(scope="session")
def valkey_url(valkey: Valkey) -> str:
    return valkey.url


@pytest.fixture(scope="session")
def s3() -> Iterator[S3]:
    server = S3()
    try:
        server.begin()
        yield server
    finally:
        server.end()
