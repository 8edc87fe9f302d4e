"""A database as full as one gets: jobs of two projects with their steps and events."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from app.store import tenants
from app.store.db import sessions, sync_engine
from app.store.rows import Base, Event, Job, Project, Step
from app.store.rows.base import utc_now
from lathe import ids
from lathe.job import JobSpec
from lathe.states import JobState, StepState

VERSION = 5  # of every job
_BATCH = 2000
_OTHERS = 4  # of so many jobs one belongs to another project
_PIPELINE: list[dict[str, Any]] = [
    {"id": "prune", "technique": "prune.channels", "keep_parameters": 0.5},
    {"id": "int8", "technique": "quantize.dynamic", "exclude": ["classifier.weight"]},
]
_FACTS = {"parameters_before": 11_689_512, "parameters_after": 5_730_124, "layers": 20}
_SPEC = JobSpec.model_validate(
    {
        "model": ids.new("mdl"),
        "pipeline": _PIPELINE,
        "constraints": [{"metric": "size_bytes", "max": 12_000_000}],
    }
).model_dump(mode="json")
_STATES = [*[JobState.SUCCEEDED] * 90, *[JobState.FAILED] * 5, *[JobState.CANCELLED] * 3]
_STATES += [JobState.RUNNING, JobState.QUEUED]


@dataclass(frozen=True, slots=True)
class Filled:
    """What was put in: a reading key, and ids of its project's jobs."""

    key: str
    finished: list[str]
    running: list[str]


def fill(database_url: str, jobs: int) -> Filled:
    """Insert so many jobs, seeded, into a migrated database."""
    engine = sync_engine(database_url)
    rng = random.Random(3)  # noqa: S311 - a repeatable choice, no secret
    ours: dict[JobState, list[str]] = {state: [] for state in JobState}
    with sessions(engine).begin() as session:
        projects = [Project(name="bench"), Project(name="others")]
        session.add_all(projects)
        session.flush()
        key, printable = tenants.new_key(projects[0].id, "bench", ["read"])
        session.add(key)
        began = utc_now() - timedelta(seconds=jobs)
        for start in range(0, jobs, _BATCH):
            batch = [
                _job(rng, projects[number % _OTHERS == 0].id, began + timedelta(seconds=number))
                for number in range(start, min(start + _BATCH, jobs))
            ]
            _insert(session, batch)
            for job in batch:
                if job["project_id"] == projects[0].id:
                    ours[job["state"]].append(job["id"])
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE")
    engine.dispose()
    return Filled(printable, ours[JobState.SUCCEEDED], ours[JobState.RUNNING])


def _job(rng: random.Random, project_id: str, at: datetime) -> dict[str, Any]:
    state = rng.choice(_STATES)
    finished = state.finished
    verdict = {
        "best": "int8",
        "constraints_met": True,
        "realised": "smaller",
        "sentence": "int8 is 3.71x smaller than the baseline, and every constraint holds.",
    }
    progress = {"step": "int8", "fraction": 0.5, "current": 10.0, "total": 20.0}
    progress |= {"unit": "layers", "eta_s": 12.5, "message": None}
    failure = {"code": "timeout", "class": "timeout", "retryable": True, "detail": "d"}
    spec = _SPEC | {
        "name": f"nightly {rng.randrange(1000)}",
        "labels": {"team": rng.choice(["cam", "lidar"]), "run": str(rng.randrange(99))},
        "model": ids.new("mdl"),
        "seed": rng.randrange(1000),
    }
    return {
        "id": ids.new("job"),
        "project_id": project_id,
        "kind": "compress",
        "queue": "cpu",
        "state": state,
        "version": VERSION,
        "name": spec["name"],
        "labels": spec["labels"],
        "spec": spec,
        "attempt": 1,
        "worker": "bench@host",
        "progress": progress if state is JobState.RUNNING else None,
        "verdict": verdict if state is JobState.SUCCEEDED else None,
        "failure": failure if state is JobState.FAILED else None,
        "last_seq": 4,
        "created_at": at,
        "queued_at": at,
        "started_at": None if state is JobState.QUEUED else at + timedelta(seconds=2),
        "finished_at": at + timedelta(seconds=90) if finished else None,
        "queued_s": 2.0,
        "running_s": 88.0 if finished else 0.0,
        # far enough away that no sweep would touch it
        "lease_until": utc_now() + timedelta(days=1) if state is JobState.RUNNING else None,
    }


def _insert(session: Session, jobs: list[dict[str, Any]]) -> None:
    _many(session, Job, jobs)
    _many(session, Step, [step for job in jobs for step in _steps(job)])
    _many(session, Event, [event for job in jobs for event in _events(job)])


def _many(session: Session, table: type[Base], rows: list[dict[str, Any]]) -> None:
    session.execute(insert(Base.metadata.tables[table.__tablename__]), rows)


def _steps(job: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for position, step in enumerate(_PIPELINE):
        report = {
            "id": step["id"],
            "technique": step["technique"],
            "reused": False,
            "wall_s": 40.0,
            "cpu_s": 39.5,
            "facts": _FACTS,
            "curve": [],
        }
        done = job["state"] is JobState.SUCCEEDED or position == 0
        yield {
            "job_id": job["id"],
            "position": position,
            "step_id": step["id"],
            "technique": step["technique"],
            "state": StepState.SUCCEEDED if done else StepState.RUNNING,
            "fraction": 1.0 if done else 0.5,
            "report": report if done else None,
        }


def _events(job: dict[str, Any]) -> Iterator[dict[str, Any]]:
    told: list[tuple[str, dict[str, Any]]] = [
        ("queued", {"queue": "cpu"}),
        ("started", {"attempt": 1, "worker": "bench@host"}),
        ("step_started", {"step": "prune"}),
        ("step_finished", {"step": "prune", "reused": False, "facts": _FACTS}),
    ]
    for seq, (name, data) in enumerate(told, 1):
        at = job["created_at"] + timedelta(seconds=seq)
        yield {"job_id": job["id"], "seq": seq, "type": name, "data": data, "at": at}
