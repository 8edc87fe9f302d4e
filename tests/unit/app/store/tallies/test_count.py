"""Counts are as true as the transaction that they are made in."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from app.store.db import Sessions, sessions, sync_engine
from app.store.rows import Base, Tally
from app.store.tallies import COUNTED, TIMED, count, observe
from app.store.tallies.kinds import JOB_FAILURES, STEP, UPLOADS


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Sessions]:
    engine = sync_engine(f"sqlite:///{tmp_path / 'lathe.db'}")
    Base.metadata.create_all(engine)
    yield sessions(engine)
    engine.dispose()


def values(made: Sessions) -> dict[tuple[str, str, str], float]:
    with made() as session:
        return {(t.metric, t.labels, t.part): t.value for t in session.scalars(select(Tally))}


def test_what_is_committed_is_added_up_by_its_labels(made: Sessions) -> None:
    for code in ("internal", "internal", "out_of_memory"):
        with made.begin() as session:
            count(session, JOB_FAILURES, "compress", "cpu", code)
    with made.begin() as session:
        count(session, UPLOADS, "model", "body")
        count(session, UPLOADS, "model", "body", by=4)
    failures = JOB_FAILURES.name
    assert values(made) == {
        (failures, '["compress","cpu","internal"]', "count"): 2,
        (failures, '["compress","cpu","out_of_memory"]', "count"): 1,
        (UPLOADS.name, '["model","body"]', "count"): 5,
    }


def test_what_is_rolled_back_is_not_counted(made: Sessions) -> None:
    with made() as session:
        session.begin()
        count(session, UPLOADS, "model", "body")
        session.rollback()
        count(session, UPLOADS, "dataset", "body")
        session.commit()
    assert list(values(made)) == [(UPLOADS.name, '["dataset","body"]', "count")]


def test_a_time_falls_into_the_bucket_whose_bound_it_does_not_exceed(made: Sessions) -> None:
    with made.begin() as session:
        for seconds in (0.01, 5.0, 5.01, 43_200.5):
            observe(session, STEP, seconds, "quantize.static")
    found = {part: value for (_, _, part), value in values(made).items()}
    assert found.pop("sum") == pytest.approx(43_210.52)
    assert found == {"0.1": 1, "5.0": 1, "10.0": 1, "+Inf": 1}


def test_no_metric_has_a_label_for_a_tenant_or_what_is_theirs() -> None:
    labels = {label for kind in (*COUNTED, *TIMED) for label in kind.labels}
    assert labels == {
        *("kind", "queue", "state", "code", "how", "technique", "stage", "outcome", "reason")
    }
