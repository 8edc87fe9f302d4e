"""Single reads of a SQLite file within the event loop."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import bindparam, select, text
from sqlalchemy.exc import OperationalError

from app.store.db import async_engine
from app.store.reads import Reader, reader
from app.store.rows import Base, Project

pytestmark = pytest.mark.anyio
NAME = select(Project.name).where(Project.id == bindparam("id"))


@pytest.fixture
async def file(tmp_path: Path) -> Path:
    path = tmp_path / "lathe.db"
    engine = async_engine(f"sqlite:///{path}")
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    await engine.dispose()
    return path


@pytest.fixture
async def reads(file: Path) -> AsyncIterator[Reader]:
    url = f"sqlite:///{file}"
    engine = async_engine(url)
    made = reader(url, engine)
    yield made
    await made.close()
    await engine.dispose()


async def name_of(reads: Reader, project_id: str) -> list[str]:
    return [row[0] for row in await reads.rows(NAME, {"id": project_id})]


def add(path: Path, project_id: str) -> None:
    with sqlite3.connect(path) as connection:
        values = (project_id, f"name of {project_id}", "2031-05-07 12:00:00.000000")
        connection.execute(
            "insert into projects (id, name, created_at) values (?, ?, ?)", values
        )
    connection.close()


async def test_what_was_committed_since_the_last_read_is_seen(
    reads: Reader, file: Path
) -> None:
    assert await name_of(reads, "a") == []
    add(file, "a")
    assert await name_of(reads, "a") == ["name of a"]


async def test_a_writer_in_the_middle_of_its_transaction_is_not_waited_for(
    reads: Reader, file: Path
) -> None:
    add(file, "a")
    writer = sqlite3.connect(file, isolation_level=None)
    writer.execute("begin immediate")
    writer.execute("update projects set name = 'new'")
    assert await name_of(reads, "a") == ["name of a"]
    writer.execute("commit")
    writer.close()
    assert await name_of(reads, "a") == ["new"]


async def test_a_file_locked_as_a_whole_is_waited_for_without_stopping_the_loop(
    reads: Reader, file: Path
) -> None:
    add(file, "a")
    holder = sqlite3.connect(file, isolation_level=None)
    holder.execute("pragma locking_mode = exclusive")
    holder.execute("begin exclusive")
    holder.execute("update projects set name = 'held'")
    reading = asyncio.create_task(name_of(reads, "a"))
    await asyncio.sleep(0.03)  # the loop turns
    assert not reading.done()
    holder.execute("commit")
    holder.close()
    assert await reading == ["held"]


async def test_after_an_error_the_file_is_opened_again(reads: Reader, file: Path) -> None:
    broken = select(text("missing")).select_from(text("nowhere"))
    with pytest.raises(OperationalError, match="nowhere"):
        await reads.rows(broken, {})
    add(file, "a")
    assert await name_of(reads, "a") == ["name of a"]


async def test_nothing_can_be_written_through_it(reads: Reader) -> None:
    with pytest.raises(OperationalError, match="readonly"):
        await reads.rows(text("delete from projects"), {})  # type: ignore[arg-type]
