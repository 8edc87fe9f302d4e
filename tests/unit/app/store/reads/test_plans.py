"""No hot read looks at a table from end to end."""

from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, event

from app.store.rows import Base
from tests.unit.app.store.reads.hot import HOT


@pytest.fixture(scope="module")
def explaining() -> Engine:
    """An engine that tells the plan of each statement instead of its rows."""
    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine)

    @event.listens_for(engine, "before_cursor_execute", retval=True)
    def _explain(*call: Any) -> tuple[str, Any]:
        return f"EXPLAIN QUERY PLAN {call[2]}", call[3]

    return engine


@pytest.mark.parametrize("name", HOT)
def test_every_hot_read_searches_by_an_index(explaining: Engine, name: str) -> None:
    statement, values = HOT[name]
    with explaining.connect() as connection:
        plan = connection.execute(statement, values).cursor
        assert plan is not None
        lines = [str(row[3]) for row in plan.fetchall()]
    searches = [line for line in lines if line.startswith("SEARCH")]
    assert searches
    assert all("INDEX" in line and "AUTOMATIC" not in line for line in searches), lines
    assert not [line for line in lines if line.startswith("SCAN")], lines
    if "page" in name:  # already in the order of the page
        assert not [line for line in lines if "TEMP B-TREE" in line], lines
