"""Keyset pages on PostgreSQL order as they do on SQLite."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from app.store.db import sessions, sync_engine
from app.store.pages import cut, keyset
from app.store.rows import Project

NOON = datetime(2031, 5, 7, 12, 0, 0, 7, tzinfo=UTC)


def test_pages_go_from_new_to_old_and_ids_break_ties(postgres_database_url: str) -> None:
    engine = sync_engine(postgres_database_url)
    with sessions(engine)() as session:
        for name, seconds in [("a", 0), ("d", 5), ("c", 5), ("b", 5), ("e", 9)]:
            moment = NOON + timedelta(seconds=seconds)
            session.add(Project(id=f"prj_{name}", name=name, created_at=moment))
        session.flush()
        seen, cursor = [], None
        while True:
            statement = keyset(select(Project), Project, cursor, 2)
            rows, cursor = cut(session.scalars(statement).all(), 2)
            seen.append("".join(row.name for row in rows))
            if cursor is None:
                break
    assert seen == ["ed", "cb", "a"]
    engine.dispose()
