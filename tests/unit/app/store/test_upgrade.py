"""What the first release wrote, read and finished by this one after the migration."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from app.follow import prepared
from app.store import reads
from app.store.db import sessions, sync_engine
from app.store.endings import close
from app.store.fleet import Fleet, muster
from app.store.migrate import downgrade, upgrade
from app.store.queue import claim, held, reap
from app.store.reads import JobColumns, JobRead
from lathe.states import JobState, Queue
from lathe.views import JobView

SPEC = {
    "model": "mdl_01jzzzzzzzzzzzzzzzzzzzzzzz",
    "pipeline": [{"id": "int8", "technique": "quantize.dynamic"}],
    "resources": {"device": "auto", "max_run_s": 7200, "priority": 5},
}
VERDICT = {"best": "int8", "constraints_met": None, "realised": "smaller", "sentence": "ok"}
FAILURE = {"code": "out_of_memory", "class": "resource_exhausted", "retryable": False,
           "detail": "too big"}  # fmt: skip
MOMENT = "2026-01-02 03:04:05.000000"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """A database at revision 0001 with what its release wrote, migrated to this one's."""
    url = f"sqlite:///{tmp_path / 'lathe.db'}"
    upgrade(url)
    downgrade(url, "0001")
    engine = sync_engine(url)
    with engine.begin() as connection:
        connection.execute(text(f"INSERT INTO projects VALUES ('prj_a', 'a', '{MOMENT}')"))
        for state in JobState:
            connection.execute(text(_INSERT), _row(state))
        connection.execute(
            text(
                "INSERT INTO workers VALUES ('w@h', '[\"cpu\"]', 'cpu', 8, '{}', "
                "strftime('%Y-%m-%d %H:%M:%f', 'now') || '000')"
            )
        )
    upgrade(url)
    yield engine
    engine.dispose()


def _row(state: JobState) -> dict[str, object]:
    running = state is JobState.RUNNING
    return {
        "id": f"job_{state}",
        "state": state,
        "spec": json.dumps(SPEC),
        "attempt": 0 if state is JobState.QUEUED else 1,
        "worker": "w@h:7" if running else None,
        "lease_until": MOMENT if running else None,
        "verdict": json.dumps(VERDICT) if state is JobState.SUCCEEDED else None,
        "failure": json.dumps(FAILURE) if state is JobState.FAILED else None,
        "finished_at": MOMENT if state.finished else None,
    }


_INSERT = f"""
    INSERT INTO jobs (id, project_id, kind, queue, priority, state, version, labels, spec,
        spec_version, attempt, crashes, lapses, worker, lease_until, cancel_requested, failure,
        verdict, last_seq, created_at, queued_at, started_at, finished_at, queued_s, running_s)
    VALUES (:id, 'prj_a', 'compress', 'cpu', 5, :state, 1, '{{}}', :spec,
        1, :attempt, 0, 0, :worker, :lease_until, 0, :failure,
        :verdict, 0, '{MOMENT}', '{MOMENT}', '{MOMENT}', :finished_at, 0, 0)
"""


def test_every_row_of_the_first_release_is_shown(engine: Engine) -> None:
    with sessions(engine)() as session:
        rows = [JobColumns._make(row) for row in session.execute(reads.jobs("prj_a"))]
    answers = {row.state: prepared.job(JobRead(row, ())).body for row in rows}
    views = {state: JobView.model_validate_json(body) for state, body in answers.items()}
    assert set(views) == set(JobState)
    verdict, failure = views[JobState.SUCCEEDED].verdict, views[JobState.FAILED].failure
    assert verdict is not None
    assert verdict.best == "int8"
    assert failure is not None
    assert failure.detail == "too big"
    assert {view.waiting_for for view in views.values()} == {None}


def test_what_it_left_queued_or_running_is_finished(engine: Engine) -> None:
    with sessions(engine).begin() as session:
        assert len(reap(session)) == 1  # its worker is gone
    finished = []
    for _ in range(2):
        with sessions(engine).begin() as session:
            claimed = claim(session, Queue.CPU, "new", 60)
            assert claimed is not None
            row = held(session, claimed.fence)
            assert row is not None
            close(session, row, JobState.SUCCEEDED)
            finished.append((row.id, row.attempt, row.lapses))
    assert sorted(finished) == [("job_queued", 1, 0), ("job_running", 2, 1)]


def test_its_worker_serves_what_it_said(engine: Engine) -> None:
    with sessions(engine)() as session:
        fleet = Fleet.of(session.execute(muster()))
    assert fleet.serves(Queue.CPU, 1)
    assert not fleet.serves(Queue.CPU, 2)


def test_its_statements_still_work_on_the_migrated_tables(engine: Engine) -> None:
    with engine.begin() as connection:
        late = _row(JobState.QUEUED) | {"id": "job_late"}
        connection.execute(text(_INSERT), late)
        connection.execute(
            text(
                "INSERT INTO workers (name, queues, device, memory_bytes, facts, seen_at) "
                f"VALUES ('w@h', '[]', 'cpu', 8, '{{}}', '{MOMENT}') "
                "ON CONFLICT (name) DO UPDATE SET queues = excluded.queues"
            )
        )
    with sessions(engine).begin() as session:
        claimed = claim(session, Queue.CPU, "new", 60)
    assert claimed is not None
