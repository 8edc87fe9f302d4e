"""Engines and sessions for SQLite and PostgreSQL behind one neutral URL.

`LATHE_DATABASE_URL` names the database and no driver: `sqlite:///data/lathe.db`,
`postgresql://user:secret@host/lathe` or `postgresql://user@/lathe?host=/run/postgresql`.
The API talks through aiosqlite or asyncpg, workers and migrations through sqlite3 or psycopg.

SQLite: WAL, so readers never wait for the writer. A transaction takes the write lock when it
begins (BEGIN IMMEDIATE), because one that reads first and writes later can fail at once with
"database is locked", whatever the busy timeout. What only reads says so and takes no lock:

    engine.execution_options(read_only=True)                         # a view of the engine
    session.connection(execution_options={"read_only": True})        # one transaction

Nothing waits for ever: see `app.store.waits` and `app.store.deadlines`. What a database in
trouble raises is told from a bug by `app.store.trouble`.
"""

from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker
from sqlalchemy.ext.asyncio import create_async_engine as create_async
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.pool import ConnectionPoolEntry

from app.store.deadlines import asyncpg_arguments, cut_off_late_ones, psycopg_arguments
from app.store.waits import PATIENT, Waits

AsyncSessions = async_sessionmaker[AsyncSession]
Sessions = sessionmaker[Session]

_BUSY_TIMEOUT_S = 30.0  # for the lock of an SQLite file, where nothing else is asked for
_ASYNC_DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}
_SYNC_DRIVERS = {"sqlite": "sqlite+pysqlite", "postgresql": "postgresql+psycopg"}


def async_engine(url: str, *, pool_size: int = 8, waits: Waits | None = None) -> AsyncEngine:
    """An engine for the API; opens at most `pool_size` connections, and none before use.

    Raises ValueError for a URL of another database.
    """
    waits, target = waits or Waits(), _with_driver(url, _ASYNC_DRIVERS)
    server = target.drivername == "postgresql+asyncpg"
    if server and "sslmode" in target.query:
        ssl = target.query["sslmode"]  # asyncpg's name for libpq's word, same values
        target = target.difference_update_query(["sslmode"]).update_query_dict({"ssl": ssl})
    arguments = asyncpg_arguments(waits) if server else {}
    engine = create_async(target, connect_args=arguments, **_pool(pool_size, waits))
    if server:
        cut_off_late_ones(engine.sync_engine)
    _prepare(engine.sync_engine, waits)
    return engine


def sync_engine(url: str, *, pool_size: int = 2, waits: Waits = PATIENT) -> Engine:
    """An engine for workers and migrations; opens at most `pool_size` connections.

    Not to be used on both sides of a fork: make one in each process. Raises ValueError for a
    URL of another database.
    """
    target = _with_driver(url, _SYNC_DRIVERS)
    server = target.drivername == "postgresql+psycopg"  # it may have closed a pooled connection
    arguments = psycopg_arguments(waits) if server else {}
    if server and "options" in target.query:
        arguments["options"] += f" {target.query['options']}"
    engine = create_engine(
        target, connect_args=arguments, pool_pre_ping=server, **_pool(pool_size, waits)
    )
    _prepare(engine, waits)
    return engine


def async_sessions(engine: AsyncEngine) -> AsyncSessions:
    """A factory of sessions whose rows stay readable after the commit."""
    return async_sessionmaker(engine, expire_on_commit=False)


def sessions(engine: Engine) -> Sessions:
    """A factory of sessions whose rows stay readable after the commit."""
    return sessionmaker(engine, expire_on_commit=False)


def check_database_url(url: str) -> None:
    """Raise ValueError, in words that never show a password, unless engines take `url`."""
    _with_driver(url, _SYNC_DRIVERS)


def _with_driver(url: str, drivers: dict[str, str]) -> URL:
    try:
        target = make_url(url)
    except (ArgumentError, ValueError):  # the latter for a port that is no number
        raise ValueError(
            "this is no URL; write sqlite:///path/to/lathe.db or "
            "postgresql://user:secret@host:5432/lathe"
        ) from None
    backend = target.get_backend_name() if "+" not in target.drivername else target.drivername
    if backend not in drivers:
        raise ValueError(
            f"the database URL starts with {backend!r}; use sqlite:///file or postgresql://..."
        )
    if backend == "sqlite" and target.database in {None, "", ":memory:"}:
        raise ValueError("the database URL needs a file: sqlite:///path/to/lathe.db")
    if backend == "postgresql" and not target.database:
        raise ValueError("the database URL needs a name at its end: postgresql://host/lathe")
    return target.set(drivername=drivers[backend])


def _pool(size: int, waits: Waits) -> dict[str, Any]:
    return {"pool_size": size, "max_overflow": 0, "pool_timeout": waits.pool_s}


def _prepare(engine: Engine, waits: Waits) -> None:
    if engine.dialect.name != "sqlite":
        return
    busy_ms = round(1000 * (waits.statement_s or _BUSY_TIMEOUT_S))

    def set_up(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # the driver begins nothing by itself
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {busy_ms}")
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = NORMAL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.close()

    event.listen(engine, "connect", set_up)
    event.listen(engine, "begin", _begin_sqlite)


def _begin_sqlite(connection: Connection) -> None:
    read_only = connection.get_execution_options().get("read_only", False)
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")
