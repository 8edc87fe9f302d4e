"""The migrations and the rows tell the same story on SQLite (PostgreSQL: tests/services)."""

from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, Index, MetaData, inspect

from app.store.db import sync_engine
from app.store.migrate import downgrade, upgrade
from app.store.rows import Base


def differences(engine: Engine, metadata: MetaData) -> list[object]:
    with engine.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True}
        context = MigrationContext.configure(connection, opts=options)
        found: list[object] = compare_metadata(context, metadata)
        return found


def test_a_migrated_database_equals_the_rows(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'lathe.db'}"
    upgrade(url)
    engine = sync_engine(url)
    assert differences(engine, Base.metadata) == []

    wanted = MetaData()
    for table in Base.metadata.tables.values():
        table.to_metadata(wanted)
    Index("ix_jobs_forgotten", wanted.tables["jobs"].c.worker)
    (missing,) = differences(engine, wanted)
    assert isinstance(missing, tuple)
    assert missing[0] == "add_index"
    engine.dispose()


def test_the_migrations_go_up_down_to_nothing_and_up_again(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'lathe.db'}"
    engine = sync_engine(url)
    upgrade(url)
    tables = set(inspect(engine).get_table_names())
    assert tables == {*Base.metadata.tables, "alembic_version"}
    downgrade(url, "base")
    assert inspect(engine).get_table_names() == ["alembic_version"]
    upgrade(url)
    assert set(inspect(engine).get_table_names()) == tables
    engine.dispose()


def test_a_second_upgrade_changes_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'lathe.db'}"
    upgrade(url)
    before = (tmp_path / "lathe.db").read_bytes()
    upgrade(url)
    assert (tmp_path / "lathe.db").read_bytes() == before
