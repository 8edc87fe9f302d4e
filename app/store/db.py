"""Engines and sessions for SQLite and PostgreSQL behind one neutral URL.

`LATHE_DATABASE_URL` names the database and no driver: `sqlite:///data/lathe.db`,
`postgresql://user:secret@host/lathe` or `postgresql://user@/lathe?host=/run/postgresql`.
The API talks through aiosqlite or asyncpg, workers and migrations through sqlite3 or psycopg.

SQLite: WAL, so readers never wait for the writer. A transaction takes the write lock when it
begins (BEGIN IMMEDIATE), because one that reads first and writes later can fail at once with
"database is locked", whatever the busy timeout. What only reads says so and takes no lock:

    engine.execution_options(read_only=True)                         # a view of the engine
    session.connection(execution_options={"read_only": True})        # one transaction
"""

from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker
from sqlalchemy.ext.asyncio import create_async_engine as create_async
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.pool import ConnectionPoolEntry

AsyncSessions = async_sessionmaker[AsyncSession]
Sessions = sessionmaker[Session]

_BUSY_TIMEOUT_MS = 30_000
_ASYNC_DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}
_SYNC_DRIVERS = {"sqlite": "sqlite+pysqlite", "postgresql": "postgresql+psycopg"}


def async_engine(url: str, *, pool_size: int = 8) -> AsyncEngine:
    """An engine for the API; opens at most `pool_size` connections, and none before use.

    Raises ValueError for a URL of another database.
    """
    target = _with_driver(url, _ASYNC_DRIVERS)
    if target.drivername == "postgresql+asyncpg" and "sslmode" in target.query:
        ssl = target.query["sslmode"]  # asyncpg's name for libpq's word, same values
        target = target.difference_update_query(["sslmode"]).update_query_dict({"ssl": ssl})
    engine = create_async(target, **_pool(target, pool_size))
    _prepare(engine.sync_engine)
    return engine


def sync_engine(url: str, *, pool_size: int = 2) -> Engine:
    """An engine for workers and migrations; opens at most `pool_size` connections.

    Not to be used on both sides of a fork: make one in each process. Raises ValueError for a
    URL of another database.
    """
    target = _with_driver(url, _SYNC_DRIVERS)
    engine = create_engine(target, **_pool(target, pool_size))
    _prepare(engine)
    return engine


def async_sessions(engine: AsyncEngine) -> AsyncSessions:
    """A factory of sessions whose rows stay readable after the commit."""
    return async_sessionmaker(engine, expire_on_commit=False)


def sessions(engine: Engine) -> Sessions:
    """A factory of sessions whose rows stay readable after the commit."""
    return sessionmaker(engine, expire_on_commit=False)


def _with_driver(url: str, drivers: dict[str, str]) -> URL:
    target = make_url(url)
    backend = target.get_backend_name()
    if backend not in drivers:
        raise ValueError(
            f"the database URL starts with {backend!r}; use sqlite:///file or postgresql://..."
        )
    if backend == "sqlite" and target.database in {None, "", ":memory:"}:
        raise ValueError("the database URL needs a file: sqlite:///path/to/lathe.db")
    return target.set(drivername=drivers[backend])


def _pool(target: URL, size: int) -> dict[str, Any]:
    """A server may have closed a pooled connection, a file has not."""
    server = target.get_backend_name() != "sqlite"
    return {"pool_size": size, "max_overflow": 0, "pool_pre_ping": server}


def _prepare(engine: Engine) -> None:
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)


def _set_up_sqlite(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # the driver begins nothing by itself
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_MS}")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    read_only = connection.get_execution_options().get("read_only", False)
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")
