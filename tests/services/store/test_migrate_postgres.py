"""The migrations and the rows tell the same story on PostgreSQL too."""

import threading

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, text

from app.store.db import sync_engine
from app.store.migrate import downgrade, upgrade
from app.store.rows import Base
from stacks.postgres import Postgres


def test_a_migrated_database_equals_the_rows(postgres_database_url: str) -> None:
    engine = sync_engine(postgres_database_url)
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, Base.metadata) == []
        spec_type = connection.scalar(
            text(
                "select data_type from information_schema.columns"
                " where table_name = 'jobs' and column_name = 'spec'"
            )
        )
    assert spec_type == "jsonb"
    engine.dispose()


def test_the_migrations_go_down_to_nothing_and_up_again(postgres_database_url: str) -> None:
    engine = sync_engine(postgres_database_url)
    downgrade(postgres_database_url, "base")
    assert inspect(engine).get_table_names() == ["alembic_version"]
    upgrade(postgres_database_url)
    assert set(inspect(engine).get_table_names()) == {*Base.metadata.tables, "alembic_version"}
    engine.dispose()


def test_three_callers_may_migrate_an_empty_database_at_once(postgres: Postgres) -> None:
    postgres.execute("CREATE DATABASE three_at_once")
    url = postgres.url("three_at_once")
    failures: list[Exception] = []

    def migrate() -> None:
        try:
            upgrade(url)
        except Exception as error:  # noqa: BLE001 - carried to the test's own thread
            failures.append(error)

    threads = [threading.Thread(target=migrate) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    engine = sync_engine(url)
    assert set(inspect(engine).get_table_names()) == {*Base.metadata.tables, "alembic_version"}
    engine.dispose()
