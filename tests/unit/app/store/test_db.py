import asyncio
import threading
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.store.db import async_engine, async_sessions, sessions, sync_engine
from app.store.rows import ApiKey, Base, Project
from app.store.waits import Waits


def url_in(folder: Path) -> str:
    return f"sqlite:///{folder / 'lathe.db'}"


def with_counter(folder: Path) -> Engine:
    engine = sync_engine(url_in(folder))
    with engine.begin() as connection:
        connection.execute(text("create table counter (value integer)"))
        connection.execute(text("insert into counter values (7)"))
    return engine


def impatient(folder: Path) -> Engine:
    engine = sync_engine(url_in(folder))
    with engine.execution_options(read_only=True).connect() as connection:
        connection.execute(text("pragma busy_timeout = 0"))  # stays with the pooled connection
    return engine


def test_both_engines_set_sqlite_up_alike(tmp_path: Path) -> None:
    names = ["journal_mode", "synchronous", "foreign_keys", "busy_timeout"]

    async def asked() -> list[object]:
        engine = async_engine(url_in(tmp_path))
        async with engine.connect() as connection:
            found = [await connection.scalar(text(f"pragma {name}")) for name in names]
        await engine.dispose()
        return found

    engine = sync_engine(url_in(tmp_path))
    with engine.connect() as connection:
        assert [connection.scalar(text(f"pragma {name}")) for name in names] == [
            "wal",
            1,  # NORMAL
            1,
            30_000,
        ]
    engine.dispose()
    assert asyncio.run(asked()) == ["wal", 1, 1, 5_000]  # the API answers 503 then


def test_a_writer_locks_when_it_begins_and_a_reader_does_not_wait(tmp_path: Path) -> None:
    first, second = with_counter(tmp_path), impatient(tmp_path)
    with first.connect() as writer:
        writer.execute(text("select value from counter"))
        with pytest.raises(OperationalError, match="locked"), second.connect() as other:
            other.execute(text("select value from counter"))
        with second.execution_options(read_only=True).connect() as reader:
            writer.execute(text("update counter set value = 8"))
            assert reader.scalar(text("select value from counter")) == 7
    first.dispose()
    second.dispose()


def test_counting_in_four_threads_loses_nothing(tmp_path: Path) -> None:
    engine = with_counter(tmp_path)

    def count() -> None:
        own = sync_engine(url_in(tmp_path))
        for _ in range(5):
            with own.begin() as connection:
                value = connection.scalar(text("select value from counter"))
                connection.execute(
                    text("update counter set value = :next"), {"next": value + 1}
                )
        own.dispose()

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with engine.connect() as connection:
        assert connection.scalar(text("select value from counter")) == 27
    engine.dispose()


def test_a_transaction_rolled_back_leaves_not_even_its_table(tmp_path: Path) -> None:
    engine = sync_engine(url_in(tmp_path))
    with engine.connect() as connection, connection.begin() as transaction:
        connection.execute(text("create table half (value integer)"))
        transaction.rollback()
    with engine.connect() as connection:
        assert connection.scalar(text("select count(*) from sqlite_master")) == 0
    engine.dispose()


def test_a_row_stays_readable_after_the_commit(tmp_path: Path) -> None:
    engine = sync_engine(url_in(tmp_path))
    Base.metadata.create_all(engine)
    with sessions(engine).begin() as session:
        project = Project(name="cams")
        session.add(project)
    assert project.name == "cams"
    engine.dispose()

    async def renamed() -> str:
        engine = async_engine(url_in(tmp_path))
        async with async_sessions(engine).begin() as session:
            found = await session.get_one(Project, project.id)
            found.name = "lidars"
        await engine.dispose()
        return found.name

    assert asyncio.run(renamed()) == "lidars"


def test_a_reference_to_nothing_is_refused(tmp_path: Path) -> None:
    engine = sync_engine(url_in(tmp_path))
    Base.metadata.create_all(engine)
    with pytest.raises(IntegrityError), sessions(engine).begin() as session:
        session.add(ApiKey(project_id="prj_nobody", name="k", secret_sha256="0", scopes=[]))
    engine.dispose()


def test_the_driver_follows_from_the_side_that_asks() -> None:
    url = "postgresql://lathe:p%40ss@db/lathe?host=/run/pg&sslmode=require"
    worker, door = sync_engine(url).url, async_engine(url).url
    assert (worker.drivername, worker.query["sslmode"]) == ("postgresql+psycopg", "require")
    assert (door.drivername, door.query["ssl"]) == ("postgresql+asyncpg", "require")
    assert "sslmode" not in door.query
    assert door.query["host"] == "/run/pg"
    assert worker.password == door.password == "p@ss"


@pytest.mark.parametrize(
    "url",
    [
        "mysql://host/lathe",
        "sqlite://",
        "sqlite:///:memory:",
        "postgresql://host",
        "postgresql+psycopg2://host/lathe",
        "postgresql://host:port/lathe",
        "lathe.db",
    ],
)
def test_another_database_is_refused_with_a_remedy(url: str) -> None:
    with pytest.raises(ValueError, match=r"sqlite:///|postgresql://"):
        async_engine(url)


def test_no_more_connections_than_asked_for(tmp_path: Path) -> None:
    engine = sync_engine(url_in(tmp_path), pool_size=1, waits=Waits(pool_s=0.01))
    with engine.connect(), pytest.raises(PoolTimeout):
        engine.connect()
    engine.dispose()
