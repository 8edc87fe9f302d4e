"""A backup taken beside a running service comes back elsewhere and goes on."""

import hashlib
import os
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil
from sqlalchemy import select

from app.store import jobs
from app.store.blobs.objects import Objects, new_key
from app.store.db import Sessions, sessions, sync_engine
from app.store.deposit import Stored, deposit
from app.store.queue import claim
from app.store.rows import Job, Model, Project
from examples.service import embedded
from lathe import ids
from lathe.client import Client
from lathe.job import JobSpec
from lathe.states import JobState, Queue
from stacks.postgres import Postgres
from stacks.s3 import S3
from tests.services.worker.nets import perceptron

ROOT = Path(__file__).resolve().parents[3]
DAYS_AGO_S = 2 * 86_400


def backup(environment: Mapping[str, str], *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "app.backup", *words],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def succeeds(environment: Mapping[str, str], *words: str) -> str:
    done = backup(environment, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@contextmanager
def no_compressions(data: Path) -> Iterator[None]:
    """The cpu worker of the service on `data` stands still: what is submitted stays queued."""
    mine = psutil.Process().children(recursive=True)
    service = next(p for p in mine if {"app.up", str(data)} <= set(p.cmdline()))
    family = service.children(recursive=True)
    main = next(p for p in family if p.cmdline()[-2:] == ["--queue", "cpu"])
    halted = [main, *main.children(recursive=True)]
    for process in halted:
        process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for process in halted:
            process.send_signal(signal.SIGCONT)


def spec(model_id: str) -> JobSpec:
    return JobSpec.model_validate(
        {
            "model": model_id,
            "pipeline": [{"technique": "quantize.dynamic"}],
            "task": None,
            "benchmark": None,
        }
    )


def test_sqlite_and_a_folder_come_back_elsewhere_and_the_queued_job_runs(
    tmp_path: Path,
) -> None:
    def places(data: Path) -> dict[str, str]:
        return {
            "LATHE_DATABASE_URL": f"sqlite:///{data / 'lathe.db'}",
            "LATHE_OBJECTS_URL": f"file://{data / 'objects'}",
        }

    here, there = places(tmp_path / "here"), places(tmp_path / "there")
    upload, folder = tmp_path / "net.onnx", str(tmp_path / "backup")
    upload.write_bytes(perceptron(1))
    with embedded(tmp_path / "here") as service, Client(service.url, service.key) as c:
        model = c.upload_model(upload)
        done = c.wait(c.submit(spec(model.id)).id, timeout_s=120)
        assert done.state is JobState.SUCCEEDED, done.failure
        succeeds(here, "save", folder)
        with no_compressions(tmp_path / "here"):
            queued = c.submit(spec(model.id))
            again = succeeds(here, "save", folder)
            assert c.job(queued.id).state is JobState.QUEUED
        assert again.strip().endswith("; 0 new")
    succeeds(there, "restore", folder)
    with (
        embedded(tmp_path / "other", environment=there) as other,
        Client(other.url, service.key) as c,  # the key came along
    ):
        artifact = next(a for a in c.artifacts(done.id) if a.kind == "onnx")
        content = c.download(artifact, tmp_path / "out").read_bytes()
        assert hashlib.sha256(content).hexdigest() == artifact.sha256
        assert c.wait(queued.id, timeout_s=120).state is JobState.SUCCEEDED
    leaves_and_losses_are_told(there, tmp_path / "there" / "objects", tmp_path / "away")


def leaves_and_losses_are_told(there: Mapping[str, str], objects: Path, away: Path) -> None:
    kept = next(path for path in objects.rglob("*") if path.is_file())
    kept.rename(away)
    left = objects / "models" / "left-over"
    left.write_bytes(b"by a killed writer")
    old_s = left.stat().st_mtime - DAYS_AGO_S
    os.utime(left, (old_s, old_s))
    waits = ("CONNECT_TIMEOUT", "POOL_WAIT", "STATEMENT_TIMEOUT")
    brief = {f"LATHE_DATABASE_{each}_S": "0.1" for each in waits}  # the second look comes soon
    found = backup({**there, **brief}, "verify", "--hash", "--delete-orphans")
    assert found.returncode == 1
    assert f"missing: {kept.relative_to(objects)}, named by " in found.stdout
    assert "deleted: models/left-over, 18 bytes" in found.stdout
    assert not left.exists()


class Clients(threading.Thread):
    """Uploads and submits without a pause, as the API would write it, until it is told."""

    def __init__(self, database_url: str, objects: Objects, folder: Path) -> None:
        super().__init__()
        self.engine = sync_engine(database_url)
        self.objects, self.folder = objects, folder
        self.busy, self.enough = threading.Event(), threading.Event()
        self.project_id, self.submitted = ids.new("prj"), 0

    def run(self) -> None:
        opened = sessions(self.engine)
        with opened.begin() as session:
            session.add(Project(id=self.project_id, name="busy"))
        while not self.enough.is_set():
            self._submit(opened)
            self.submitted += 1
            self.busy.set()
        self.engine.dispose()

    def _submit(self, opened: Sessions) -> None:
        file, key = self.folder / "upload", new_key("models")
        file.write_bytes(ids.new("any").encode())
        written = self.objects.write_file(key, file)
        with opened.begin() as session:
            blob = deposit(
                session, self.project_id, Stored(key, written.sha256, written.size_bytes)
            )
            model = Model(id=ids.new("mdl"), project_id=self.project_id, upload_blob_id=blob)
            session.add(model)
            session.flush()
            job, steps = jobs.compress(self.project_id, spec(model.id), Queue.CPU, "req")
            session.add(job)
            session.flush()
            session.add_all(steps)


def test_postgresql_and_s3_come_back_elsewhere_from_the_midst_of_writing(
    tmp_path: Path, postgres: Postgres, postgres_database_url: str, s3: S3
) -> None:
    name = f"t{uuid.uuid4().hex}"
    postgres.execute(f"CREATE DATABASE {name}")
    shared = {
        "LATHE_S3_ACCESS_KEY_ID": s3.key,
        "LATHE_S3_SECRET_ACCESS_KEY": s3.secret,
        "PATH": f"{postgres._binaries}:{os.environ['PATH']}",
    }
    here = shared | {
        "LATHE_DATABASE_URL": postgres_database_url,
        "LATHE_OBJECTS_URL": s3.url.replace("/lathe?", "/here?"),
    }
    there = shared | {
        "LATHE_DATABASE_URL": postgres.url(name),
        "LATHE_OBJECTS_URL": s3.url.replace("/lathe?", "/there?"),
    }
    objects = Objects.open(
        here["LATHE_OBJECTS_URL"], access_key_id=s3.key, secret_access_key=s3.secret
    )
    clients = Clients(postgres_database_url, objects, tmp_path)
    clients.start()
    folder = str(tmp_path / "backup")
    try:
        assert clients.busy.wait(30)
        succeeds(here, "save", folder)
    finally:
        clients.enough.set()
        clients.join()
    succeeds(there, "restore", folder)
    twice = backup(there, "restore", folder)
    assert (twice.returncode, "not empty" in twice.stderr) == (2, True)
    assert "missing" not in succeeds(there, "verify", "--hash")
    engine = sync_engine(there["LATHE_DATABASE_URL"])
    with sessions(engine).begin() as session:
        saved = len(session.scalars(select(Job.id)).all())
        assert 0 < saved < clients.submitted
        assert claim(session, Queue.CPU, "w", 60) is not None
    engine.dispose()
    postgres.execute(f"DROP DATABASE {name} WITH (FORCE)")
