"""Bring a database to the schema of this release, from wherever it stands.

Safe to call from several processes at once: the first one migrates while the others wait,
and then find nothing to do. A migration that fails leaves the database as it was.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, event, make_url, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from app.store.db import sync_engine
from app.store.trouble import database_trouble
from app.store.waits import Waits
from lathe.errors import Conflict

_SCRIPTS = Path(__file__).resolve().parents[2] / "migrations"
_LOCK = 0x6C617468  # "lath": any number that no one else takes


class Schema(StrEnum):
    """How a database's tables stand to this release's code."""

    MISSING = "missing"
    BEHIND = "behind"
    FITTING = "fitting"
    AHEAD = "ahead"


def schema_of(url: str, timeout_s: float) -> Schema:
    """Compare the database at `url` with this release; writes nothing.

    Raises SQLAlchemyError when the database does not answer within about `timeout_s`.
    """
    target = make_url(url)
    if target.get_backend_name() == "sqlite" and not Path(str(target.database)).exists():
        return Schema.MISSING
    engine = sync_engine(url, pool_size=1, waits=Waits(timeout_s, timeout_s, timeout_s))
    try:
        with engine.execution_options(read_only=True).connect() as connection:
            found = MigrationContext.configure(connection).get_current_revision()
    finally:
        engine.dispose()
    if found is None:
        return Schema.MISSING
    newest, *older = _revisions()
    if found == newest:
        return Schema.FITTING
    return Schema.BEHIND if found in older else Schema.AHEAD


def upgrade(url: str) -> None:
    """Migrate the database at `url` to the newest revision; creates an SQLite file.

    Raises Unavailable or OutOfDisk for a database in trouble, and Conflict for one that a
    newer release has migrated.
    """
    try:
        with connected(url) as connection:
            if _revision_is_foreign(connection):
                raise Conflict("this database is of a newer release; start that release")
            command.upgrade(_config(connection), "head")
    except SQLAlchemyError as error:
        trouble = database_trouble(error)
        if trouble is None:
            raise
        raise trouble from error


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


def _revisions() -> list[str]:
    """This release's revisions, the newest first."""
    return [script.revision for script in ScriptDirectory(str(_SCRIPTS)).walk_revisions()]


def _revision_is_foreign(connection: Connection) -> bool:
    found = MigrationContext.configure(connection).get_current_revision()
    return found is not None and found not in _revisions()


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
