"""A process that freezes inside a transaction on PostgreSQL does not keep its job."""

import time
from dataclasses import replace

import pytest
from sqlalchemy.exc import DBAPIError

from app.store.db import sessions, sync_engine
from app.store.queue import claim, held, reap
from app.store.rows import Job, Project
from app.store.trouble import database_trouble
from app.store.waits import PATIENT
from lathe.errors import Unavailable
from lathe.states import Queue


def test_a_worker_that_freezes_with_its_row_locked_loses_the_job(
    postgres_database_url: str,
) -> None:
    impatient = sync_engine(postgres_database_url, waits=replace(PATIENT, silent_s=0.2))
    engine = sync_engine(postgres_database_url)
    with sessions(engine).begin() as session:
        project = Project(name="cams")
        session.add(project)
        session.flush()
        session.add(Job(project_id=project.id, kind="compress", queue="cpu", spec={}))
    with sessions(engine).begin() as session:
        claimed = claim(session, Queue.CPU, "w", lease_s=0.05)
    assert claimed is not None
    with sessions(impatient)() as frozen:
        assert held(frozen, claimed.fence) is not None
        with sessions(engine).begin() as session:
            time.sleep(0.1)
            assert not reap(session)  # the lease is over, the row is locked
        time.sleep(0.5)
        with sessions(engine).begin() as session:
            assert len(reap(session)) == 1
        with pytest.raises(DBAPIError) as told:
            held(frozen, claimed.fence)
        assert isinstance(database_trouble(told.value), Unavailable)
        frozen.invalidate()
    for each in (impatient, engine):
        each.dispose()


def test_options_of_the_database_url_are_kept(postgres_database_url: str) -> None:
    engine = sync_engine(f"{postgres_database_url}&options=-c%20work_mem%3D7MB")
    with engine.connect() as connection:
        shown = [
            connection.exec_driver_sql(f"SHOW {name}").scalar_one()
            for name in ("work_mem", "idle_in_transaction_session_timeout")
        ]
    engine.dispose()
    assert shown == ["7MB", "30s"]
