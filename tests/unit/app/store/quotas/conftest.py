"""A session with two projects."""

import pytest
from sqlalchemy.orm import Session

from app.store.rows import Project


@pytest.fixture
def session(empty: Session) -> Session:
    empty.add_all([Project(id="prj_a", name="a"), Project(id="prj_b", name="b")])
    empty.flush()
    return empty
