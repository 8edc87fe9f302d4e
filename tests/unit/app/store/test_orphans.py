"""Which objects are nobody's: no row names them, and no row that is still to come can."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import String
from sqlalchemy.orm import Session

from app.store.orphans import LEAST_AGE_S, NAMING, settled_s, unnamed
from app.store.rows import Base, Blob, DeadObject, Job, Project, Upload, UploadPart
from lathe.states import JobKind, JobState, Queue
from tests.unit.app.store.conftest import empty

__all__ = ["empty"]
NOW = datetime.now(UTC)


@pytest.fixture
def session(empty: Session) -> Session:
    empty.add(Project(id="prj_a", name="a"))
    empty.flush()
    return empty


def ran(session: Session, name: str, state: JobState, hours_ago: float) -> None:
    session.add(
        Job(
            id=f"job_{name}",
            project_id="prj_a",
            kind=JobKind.COMPRESS,
            queue=Queue.CPU,
            state=state,
            started_at=datetime.now(UTC) - timedelta(hours=hours_ago),
        )
    )
    session.flush()


def test_whatever_names_an_object_keeps_it(session: Session) -> None:
    upload = Upload(
        id="upl_a",
        project_id="prj_a",
        length_bytes=1,
        stage_key="staged",
        key="put together",
        expires_at=NOW,
    )
    blob = Blob(project_id="prj_a", key="blob", sha256="s", size_bytes=1, doomed_at=NOW)
    session.add_all([upload, blob, DeadObject(key="dead")])
    session.flush()
    part = UploadPart(upload_id="upl_a", start_bytes=0, size_bytes=1, key="staged/0")
    session.add(part)
    session.flush()
    kept = ["staged", "put together", "blob", "dead", "staged/0"]
    assert unnamed(session, [*kept, "staged/1", "nobody's"]) == ["staged/1", "nobody's"]


def test_no_column_that_holds_an_objects_key_is_forgotten() -> None:
    """Keys of objects have columns of 200 characters."""
    keys = {
        column
        for table in Base.metadata.tables.values()
        for column in table.c
        if column.name.endswith("key")
        and isinstance(column.type, String)
        and column.type.length == 200
    }
    assert keys == {each.property.columns[0] for each in NAMING}


def test_many_keys_are_asked_for_in_batches(session: Session) -> None:
    session.add_all(
        Blob(project_id="prj_a", key=f"k{n}", sha256=f"{n}", size_bytes=1)
        for n in range(0, 1200, 2)
    )
    session.flush()
    keys = [f"k{n}" for n in range(1200)]
    assert unnamed(session, keys) == [f"k{n}" for n in range(1, 1200, 2)]


def test_a_day_is_enough_where_nothing_runs_for_longer(session: Session) -> None:
    assert settled_s(session) == LEAST_AGE_S == 86_400
    ran(session, "ended", JobState.FAILED, hours_ago=200)
    ran(session, "short", JobState.RUNNING, hours_ago=3)
    assert settled_s(session) == 86_400
    assert settled_s(session, 10) == pytest.approx(4 * 3600, abs=60)  # an hour for the clocks


def test_an_object_must_be_older_than_the_attempt_that_has_run_for_longest(
    session: Session,
) -> None:
    ran(session, "long", JobState.RUNNING, hours_ago=50)
    ran(session, "longer", JobState.RUNNING, hours_ago=70)
    assert settled_s(session) == pytest.approx(71 * 3600, abs=60)
