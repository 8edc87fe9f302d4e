"""How a single statement that only reads is run with the least work.

    PostgreSQL   in AUTOCOMMIT: one round trip, no BEGIN and no ROLLBACK around it
    SQLite       within the event loop: such a read takes some 50 us, a thread for it 500 us;
                 with the write-ahead log it never waits for a writer

No transaction spans two of these reads.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from sqlalchemy import Connection, Row, Select, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import ConnectionPoolEntry, NullPool

Columns = Select[*tuple[Any, ...]]
Rows = Sequence[Row[*tuple[Any, ...]]]

_LOCKED_PAUSE_S, _LOCKED_AT_MOST_S = 0.01, 5.0


class Reader(Protocol):
    """Runs single statements that only read."""

    async def rows(self, statement: Columns, values: Mapping[str, object]) -> Rows:
        """The rows of `statement` with `values` for its named parameters.

        Raises DBAPIError when the database does not answer.
        """

    async def close(self) -> None:
        """Close the connections."""


def reader(database_url: str, engine: AsyncEngine) -> Reader:
    """The reader for this database; `engine` is the API's for the same one."""
    if engine.dialect.name == "sqlite":
        return FileReader(database_url)
    return ServerReader(engine)


class FileReader:
    """Reads a SQLite file through one connection, without leaving the event loop."""

    def __init__(self, database_url: str) -> None:
        target = make_url(database_url).set(drivername="sqlite+pysqlite")
        self._engine = create_engine(target, poolclass=NullPool)
        self._connection: Connection | None = None
        event.listen(self._engine, "connect", _set_up)

    async def rows(self, statement: Columns, values: Mapping[str, object]) -> Rows:
        """As `Reader.rows`. Waits, off the loop, while the file is locked as a whole: when a
        crash is recovered from, or the last other connection closes."""
        deadline = time.monotonic() + _LOCKED_AT_MOST_S
        while True:
            try:
                return self._rows(statement, values)
            except OperationalError as error:
                await self.close()
                if not _locked(error) or time.monotonic() > deadline:
                    raise
            await asyncio.sleep(_LOCKED_PAUSE_S)

    def _rows(self, statement: Columns, values: Mapping[str, object]) -> Rows:
        if self._connection is None:
            self._connection = self._engine.connect()
        return self._connection.execute(statement, values).all()

    async def close(self) -> None:
        """Close the file; the next read opens it again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class ServerReader:
    """Reads from PostgreSQL through the API's pool."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")

    async def rows(self, statement: Columns, values: Mapping[str, object]) -> Rows:
        """As `Reader.rows`; raises the pool's TimeoutError too."""
        async with self._engine.connect() as connection:
            return (await connection.execute(statement, values)).all()

    async def close(self) -> None:
        """Nothing: whoever made the engine closes it."""


def _set_up(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # each statement is a transaction by itself
    cursor = connection.cursor()
    cursor.execute("PRAGMA busy_timeout = 0")  # never sleep within the event loop
    cursor.execute("PRAGMA query_only = ON")
    cursor.close()


def _locked(error: OperationalError) -> bool:
    return getattr(error.orig, "sqlite_errorname", "").startswith(
        ("SQLITE_BUSY", "SQLITE_LOCKED")
    )
