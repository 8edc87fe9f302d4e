"""A database and an object store with the rows that the API would write."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, func, select, update
from sqlalchemy.orm import Session

from app.store import feed, jobs
from app.store.blobs.objects import Objects, new_key
from app.store.db import Sessions, sessions, sync_engine
from app.store.deposit import Stored, deposit
from app.store.rows import Dataset, Event, Job, Model, Project, Step
from lathe import ids
from lathe.facts import (
    Capabilities,
    DatasetFacts,
    FieldSpec,
    IoSpec,
    ModelFacts,
    ModelStats,
    SplitFacts,
    TensorSpec,
    Transform,
)
from lathe.job import JobSpec
from lathe.states import JobState, Queue, UploadState

IO = IoSpec(
    inputs=(TensorSpec(name="x", dtype="float32", shape=("n", 3)),),
    outputs=(TensorSpec(name="y", dtype="float32", shape=("n", 2)),),
)
FACTS = ModelFacts(
    format="onnx",
    io=IO,
    stats=ModelStats(
        size_bytes=10, parameters=6, macs=6, opset=18, operators={"Gemm": 1}, layers=()
    ),
    capabilities=Capabilities(torch_view=True),
)
DATA_FACTS = DatasetFacts(
    format="npz",
    splits=(
        SplitFacts(
            name="train",
            examples=5,
            fields=(FieldSpec(name="x", dtype="float32", shape=(3,)),),
        ),
    ),
)


@dataclass(frozen=True)
class Shop:
    """One project's rows, written straight into the store."""

    database_url: str
    folder: Path
    engine: Engine
    sessions: Sessions
    objects: Objects
    project_id: str

    @classmethod
    def open(cls, database_url: str, folder: Path) -> "Shop":
        """A project of its own in a migrated database; objects go below `folder`."""
        engine = sync_engine(database_url, pool_size=4)
        made = sessions(engine)
        with made.begin() as session:
            project = Project(id=ids.new("prj"), name=ids.new("prj"))
            session.add(project)
        objects = folder / "objects"
        objects.mkdir(parents=True, exist_ok=True)
        store = Objects.open(f"file://{objects}")
        return cls(database_url, folder, engine, made, store, project.id)

    def close(self) -> None:
        """Close the connections."""
        self.engine.dispose()

    def stored(self, data: bytes) -> Stored:
        """Bytes in the store."""
        file = self.folder / ids.new("tmp")
        file.write_bytes(data)
        key = new_key("uploads")
        written = self.objects.write_file(key, file)
        file.unlink()
        return Stored(key, written.sha256, written.size_bytes)

    def upload_model(self, data: bytes) -> tuple[str, str]:
        """A pending model and its queued inspection, as after POST /models."""
        stored = self.stored(data)
        with self.sessions.begin() as session:
            blob = deposit(session, self.project_id, stored)
            model = Model(id=ids.new("mdl"), project_id=self.project_id, upload_blob_id=blob)
            session.add(model)
            session.flush()
            job = jobs.inspect(self.project_id, "req", model_id=model.id)
            self._queue(session, job)
        return model.id, job.id

    def upload_dataset(
        self, data: bytes, transforms: Mapping[str, Transform] | None = None
    ) -> tuple[str, str]:
        """A pending data set and its queued inspection, as after POST /datasets."""
        stored = self.stored(data)
        with self.sessions.begin() as session:
            blob = deposit(session, self.project_id, stored)
            dataset = Dataset(
                id=ids.new("dat"),
                project_id=self.project_id,
                upload_blob_id=blob,
                transforms={k: v.model_dump() for k, v in (transforms or {}).items()},
            )
            session.add(dataset)
            session.flush()
            job = jobs.inspect(self.project_id, "req", dataset_id=dataset.id)
            self._queue(session, job)
        return dataset.id, job.id

    def ready_model(self, data: bytes) -> str:
        """A model whose inspection is long over."""
        stored = self.stored(data)
        with self.sessions.begin() as session:
            blob = deposit(session, self.project_id, stored)
            model = Model(
                id=ids.new("mdl"),
                project_id=self.project_id,
                state=UploadState.READY,
                upload_blob_id=blob,
                canonical_blob_id=blob,
                facts=FACTS.model_dump(mode="json"),
            )
            session.add(model)
        return model.id

    def ready_dataset(self, data: bytes) -> str:
        """A data set whose inspection is long over."""
        stored = self.stored(data)
        with self.sessions.begin() as session:
            blob = deposit(session, self.project_id, stored)
            dataset = Dataset(
                id=ids.new("dat"),
                project_id=self.project_id,
                state=UploadState.READY,
                upload_blob_id=blob,
                canonical_blob_id=blob,
                facts=DATA_FACTS.model_dump(mode="json"),
            )
            session.add(dataset)
        return dataset.id

    def submit(
        self, spec: JobSpec, queue: Queue = Queue.CPU, traceparent: str | None = None
    ) -> str:
        """A queued compression, as after POST /jobs."""
        job, steps = jobs.compress(self.project_id, spec, queue, "req")
        job.traceparent = traceparent
        with self.sessions.begin() as session:
            self._queue(session, job)
            session.add_all(steps)
        return job.id

    def _queue(self, session: Session, job: Job) -> None:
        session.add(job)
        feed.append(session, job.id, "queued", {"queue": job.queue})

    def cancel(self, job_id: str) -> None:
        """As after POST /jobs/{id}/cancel of a running job."""
        with self.sessions.begin() as session:
            session.execute(update(Job).where(Job.id == job_id).values(cancel_requested=True))

    def job(self, job_id: str) -> Job:
        """The row as it is now."""
        with self.sessions() as session:
            session.connection(execution_options={"read_only": True})
            return session.get_one(Job, job_id)

    def steps(self, job_id: str) -> list[Step]:
        """The job's steps in order."""
        with self.sessions() as session:
            session.connection(execution_options={"read_only": True})
            rows = select(Step).where(Step.job_id == job_id).order_by(Step.position)
            return list(session.scalars(rows))

    def events(self, job_id: str) -> list[Event]:
        """The job's feed."""
        with self.sessions() as session:
            session.connection(execution_options={"read_only": True})
            rows = select(Event).where(Event.job_id == job_id).order_by(Event.seq)
            return list(session.scalars(rows))

    def in_state(self, state: JobState) -> int:
        """How many of the project's jobs are in `state`."""
        with self.sessions() as session:
            session.connection(execution_options={"read_only": True})
            counted = select(func.count()).where(
                Job.project_id == self.project_id, Job.state == state
            )
            return session.execute(counted).scalar_one()

    def rows(self, table: type[Any], **where: object) -> list[Any]:
        """Every row of a table with these values."""
        with self.sessions() as session:
            session.connection(execution_options={"read_only": True})
            return list(session.scalars(select(table).filter_by(**where)))
