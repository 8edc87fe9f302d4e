"""Insert statements that can say what happens on a conflict, on either database."""

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.store.rows import Base

# the two dialects' statements have the same methods and no common class
_DIALECTS: Mapping[str, Callable[[type[Base]], Any]] = {
    "postgresql": postgresql.insert,
    "sqlite": sqlite.insert,
}


def upsert(session: Session, row: type[Base]) -> Any:
    """An insert into the table of `row` with `on_conflict_do_update` and `_do_nothing`."""
    return _DIALECTS[session.get_bind().dialect.name](row)
