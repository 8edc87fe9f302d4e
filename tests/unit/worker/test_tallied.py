"""What an attempt adds to the counts, however often its last transaction is tried."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy.orm import Session

from app.store.rows import Job
from worker.outcome import Postponed
from worker.tallied import tallied
from worker.timeline import Timeline


def test_spans_that_were_dropped_are_counted_by_the_try_that_is_committed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[tuple[str, int]] = []

    def count(_session: Session, kind: Any, *_labels: str, by: int = 1) -> None:
        told.append((kind.name, by))

    monkeypatch.setattr("worker.tallied.count", count)
    dropped = iter([{"collector": 5}])
    timeline = SimpleNamespace(kills=[], spent=[], take_dropped=lambda: next(dropped, {}))
    change = tallied(lambda _session, _job: None, Postponed("away"), cast(Timeline, timeline))
    for _ in range(2):  # the database was away at the first
        told.clear()
        change(cast(Session, None), cast(Job, SimpleNamespace(queue="cpu")))
    assert ("lathe_worker_spans_dropped_total", 5) in told
