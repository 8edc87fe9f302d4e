"""Bring a database to the schema of this release, from wherever it stands.

Safe to call from several processes at once: the first one migrates while the others wait,
and then find nothing to do. A migration that fails leaves the database as it was.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, event, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from app.store.db import sync_engine

_SCRIPTS = Path(__file__).resolve().parents[2] / "migrations"
_LOCK = 0x6C617468  # "lath": any number that no one else takes


def upgrade(url: str) -> None:
    """Migrate the database at `url` to the newest revision; creates an SQLite file."""
    with connected(url) as connection:
        command.upgrade(_config(connection), "head")


def downgrade(url: str, revision: str) -> None:
    """Migrate back to `revision`; "base" is the empty database."""
    with connected(url) as connection:
        command.downgrade(_config(connection), revision)


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    """One transaction that holds the right to migrate; committed at the end, or nothing is.

    SQLite changes a table by copying it, which foreign keys would turn into deletions; they
    are off meanwhile and checked before the commit (https://sqlite.org/lang_altertable.html).
    """
    engine = sync_engine(url, pool_size=1)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _foreign_keys_off)
    try:
        with engine.begin() as connection:
            if engine.dialect.name == "postgresql":
                connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
            yield connection
            if engine.dialect.name == "sqlite":
                _check_foreign_keys(connection)
    finally:
        engine.dispose()


def _config(connection: Connection) -> Config:
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    return config


def _foreign_keys_off(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys = OFF")
    cursor.close()


def _check_foreign_keys(connection: Connection) -> None:
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    if broken:
        raise RuntimeError(f"the migration would break {len(broken)} references: {broken[:3]}")
