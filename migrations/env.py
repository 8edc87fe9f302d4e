"""How Alembic reaches the database: a connection handed in, or LATHE_DATABASE_URL.

`app.store.migrate` hands a connection in. On the command line (`alembic upgrade head`,
`alembic revision --autogenerate -m ...`, `alembic upgrade head --sql`) the URL is read from
the environment, as for the service itself.
"""

import os
from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import JSON, Connection

from app.store.migrate import connected
from app.store.rows import Base
from app.store.rows.base import UtcDateTime


def _render(kind: str, value: Any, autogen: AutogenContext) -> str | Literal[False]:
    """Column types as SQLAlchemy's own: a migration must not change when our classes do."""
    if kind == "type" and isinstance(value, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(value, JSON):
        autogen.imports.add("from sqlalchemy.dialects import postgresql")
        return 'sa.JSON().with_variant(postgresql.JSONB(), "postgresql")'
    return False


def _run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_item=_render,
        render_as_batch=connection.dialect.name == "sqlite",  # SQLite alters by copying
        transactional_ddl=True,  # both databases roll a half-done migration back
    )
    with context.begin_transaction():
        context.run_migrations()


def _write_sql() -> None:
    context.configure(
        dialect_name=os.environ["LATHE_DATABASE_URL"].split(":")[0].split("+")[0],
        target_metadata=Base.metadata,
        literal_binds=True,
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if context.is_offline_mode():
    _write_sql()
elif given is not None:
    _run(given)
else:
    with connected(os.environ["LATHE_DATABASE_URL"]) as connection:
        _run(connection)
