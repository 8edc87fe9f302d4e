"""A session on a database that has every table."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from app.store.db import sessions, sync_engine
from app.store.rows import Base, Project


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Session]:
    """Without a row."""
    engine = sync_engine(f"sqlite:///{tmp_path / 'lathe.db'}")
    Base.metadata.create_all(engine)
    with sessions(engine)() as session:
        yield session
    engine.dispose()


@pytest.fixture
def session(empty: Session) -> Session:
    """With the projects prj_a and prj_b."""
    empty.add_all([Project(id="prj_a", name="a"), Project(id="prj_b", name="b")])
    empty.flush()
    return empty
