"""A copy of the database as it stands at one moment, while everybody goes on writing."""

import sqlite3
import subprocess
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine, make_url, or_, select, text

from app.backup.layout import SavedObject
from app.backup.tools import pg_tool
from app.store.db import sync_engine
from app.store.doomed import references
from app.store.rows import Blob
from lathe.errors import Unavailable


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the copied rows say."""

    revision: str
    objects: list[SavedObject]  # that something names; the others are about to be deleted


def snapshot(database_url: str, target: Path) -> Snapshot:
    """Copy the database into the file `target`; raises Unavailable, InvalidRequest.

    SQLite: its online backup. PostgreSQL: `pg_dump` of the very snapshot that is read here.
    """
    target.unlink(missing_ok=True)
    if make_url(database_url).get_backend_name() == "sqlite":
        return _sqlite(database_url, target)
    return _postgresql(database_url, target)


def _sqlite(database_url: str, target: Path) -> Snapshot:
    path = Path(make_url(database_url).database or "")
    if not path.is_file():
        raise Unavailable(f"there is no database at {path}")
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(target)) as copy:
        source.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")  # one whole file, without a log beside it
    engine = sync_engine(f"sqlite:///{target}", pool_size=1)
    try:
        with engine.connect().execution_options(read_only=True) as connection:
            damage = connection.exec_driver_sql("PRAGMA quick_check").scalar_one()
            if damage != "ok":
                raise Unavailable(f"the copy of the database is damaged: {damage}")
            return _read(connection)
    finally:
        engine.dispose()
        for suffix in ("-wal", "-shm"):
            Path(f"{target}{suffix}").unlink(missing_ok=True)


def _postgresql(database_url: str, target: Path) -> Snapshot:
    engine = sync_engine(database_url, pool_size=1)
    try:
        return _dumped(engine, database_url, target)
    finally:
        engine.dispose()


def _dumped(engine: Engine, database_url: str, target: Path) -> Snapshot:
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        name = connection.execute(text("SELECT pg_export_snapshot()")).scalar_one()
        read = _read(connection)
        command, environment = pg_tool("pg_dump", database_url)
        command += ["--format=custom", "--no-owner", "--no-privileges"]
        command += [f"--snapshot={name}", f"--file={target}"]
        done = subprocess.run(  # noqa: S603 - our own command line
            command, env=environment, capture_output=True, text=True, check=False
        )
    if done.returncode != 0:
        raise Unavailable(f"pg_dump failed: {done.stderr.strip()[-500:]}")
    return read


def _read(connection: Connection) -> Snapshot:
    revision = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
    return Snapshot(revision, list(_needed(connection)))


def _needed(connection: Connection) -> Iterable[SavedObject]:
    named = or_(Blob.doomed_at.is_(None), *references())
    statement = select(Blob.key, Blob.size_bytes, Blob.sha256).where(named).order_by(Blob.key)
    return (SavedObject(*row) for row in connection.execute(statement))
