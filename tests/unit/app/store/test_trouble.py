"""What a database in trouble raises becomes an answer; what a bug raises stays a bug."""

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.store.db import sync_engine
from app.store.trouble import database_trouble
from app.store.waits import Waits
from lathe.errors import OutOfDisk, Refused, Unavailable


class Said(Exception):  # noqa: N818 - as the drivers of PostgreSQL raise
    def __init__(self, sqlstate: str | None) -> None:
        super().__init__("secret text of the driver")
        self.sqlstate = sqlstate


@pytest.mark.parametrize(
    ("sqlstate", "refusal", "word"),
    [
        ("08006", Unavailable, "does not answer"),
        ("57P01", Unavailable, "does not answer"),
        ("57014", Unavailable, "too long"),
        ("53300", Unavailable, "no connection left"),
        ("40P01", Unavailable, "two writers"),
        ("28P01", Unavailable, "refuses"),
        ("3D000", Unavailable, "no database of this name"),
        ("53100", OutOfDisk, "disk is full"),
    ],
)
def test_a_servers_trouble_is_named_without_its_own_words(
    sqlstate: str, refusal: type[Refused], word: str
) -> None:
    answer = database_trouble(DBAPIError("select 'value'", None, Said(sqlstate)))
    assert type(answer) is refusal
    assert answer is not None
    assert word in answer.detail
    assert "secret" not in answer.detail
    assert answer.retryable


@pytest.mark.parametrize("sqlstate", ["42P01", "42601", "23505", "22001", "XX000"])
def test_a_bug_is_no_trouble(sqlstate: str) -> None:
    assert database_trouble(ProgrammingError("select", None, Said(sqlstate))) is None


def test_a_connection_that_broke_says_nothing_and_is_trouble() -> None:
    for error in (
        OperationalError("select", None, Said(None)),
        InterfaceError("select", None, Exception("connection is closed")),
        DBAPIError("select", None, Exception(), connection_invalidated=True),
        PoolTimeout(),
    ):
        assert type(database_trouble(error)) is Unavailable
    misuse = InterfaceError("select", None, Exception("cannot use named arguments"))
    assert database_trouble(misuse) is None


def test_an_sqlite_file_that_another_process_holds_is_locked(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/lathe.db"
    engine = sync_engine(url, waits=Waits(statement_s=0.01))
    with engine.begin() as connection:
        connection.execute(text("create table t (v)"))
    with engine.begin(), pytest.raises(OperationalError) as raised, engine.begin():
        pass
    engine.dispose()
    answer = database_trouble(raised.value)
    assert answer is not None
    assert "locked" in answer.detail


def test_a_full_disk_and_a_missing_table_in_sqlite_are_told_apart(tmp_path: Path) -> None:
    engine = sync_engine(f"sqlite:///{tmp_path}/lathe.db")
    with engine.connect() as connection:
        connection.execute(text("pragma max_page_count = 3"))
        connection.execute(text("create table t (v)"))
        with pytest.raises(OperationalError) as full:
            connection.execute(text("insert into t values (zeroblob(99999))"))
        connection.rollback()
        with pytest.raises(OperationalError) as missing:
            connection.execute(text("select * from nothing"))
    engine.dispose()
    assert type(database_trouble(full.value)) is OutOfDisk
    assert database_trouble(missing.value) is None


def test_an_error_without_a_code_is_a_bug() -> None:
    assert database_trouble(OperationalError("x", None, sqlite3.OperationalError("x"))) is None
