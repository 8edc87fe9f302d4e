"""A backup taken beside a running service comes back elsewhere and goes on."""

import hashlib
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil

from examples.service import embedded
from lathe.client import Client
from lathe.job import JobSpec
from lathe.states import JobState
from stacks.postgres import Postgres
from stacks.s3 import S3
from tests.services.worker.nets import perceptron

ROOT = Path(__file__).resolve().parents[3]
DAYS_AGO_S = 2 * 86_400


def backup(environment: Mapping[str, str], *words: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "app.backup", *words]
    return subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@contextmanager
def no_compressions() -> Iterator[None]:
    """The cpu worker stands still, so that what is submitted stays queued."""
    family = psutil.Process().children(recursive=True)
    main = next(p for p in family if p.cmdline()[-2:] == ["--queue", "cpu"])
    halted = [main, *main.children(recursive=True)]
    for process in halted:
        process.send_signal(signal.SIGSTOP)
    yield
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


def goes_on_elsewhere(
    tmp_path: Path, here: Mapping[str, str], there: Mapping[str, str], *, data: Path
) -> None:
    upload, folder = tmp_path / "net.onnx", tmp_path / "backup"
    upload.write_bytes(perceptron(1))
    with (
        embedded(data, environment=dict(here)) as service,
        Client(service.url, service.key) as c,
    ):
        model = c.upload_model(upload)
        done = c.wait(c.submit(spec(model.id)).id, timeout_s=120)
        assert done.state is JobState.SUCCEEDED, done.failure
        first = backup(here, "save", str(folder))
        assert first.returncode == 0, first.stderr
        with no_compressions():
            queued = c.submit(spec(model.id))
            again = backup(here, "save", str(folder))
            assert again.returncode == 0, again.stderr
            assert again.stdout.strip().endswith("; 0 new"), again.stdout
            assert c.job(queued.id).state is JobState.QUEUED
    restored = backup(there, "restore", str(folder))
    assert restored.returncode == 0, restored.stderr
    twice = backup(there, "restore", str(folder))
    assert (twice.returncode, "not empty" in twice.stderr) == (2, True)
    checked = backup(there, "verify", "--hash")
    assert checked.returncode == 0, checked.stdout

    with (
        embedded(tmp_path / "there", environment=dict(there)) as other,
        Client(other.url, service.key) as c,  # the key came along
    ):
        artifact = next(a for a in c.artifacts(done.id) if a.kind == "onnx")
        content = c.download(artifact, tmp_path / "out").read_bytes()
        assert hashlib.sha256(content).hexdigest() == artifact.sha256
        assert c.wait(queued.id, timeout_s=120).state is JobState.SUCCEEDED


def test_sqlite_and_a_folder_come_back_elsewhere_and_the_queued_job_runs(
    tmp_path: Path,
) -> None:
    def places(data: Path) -> dict[str, str]:
        return {
            "LATHE_DATABASE_URL": f"sqlite:///{data / 'lathe.db'}",
            "LATHE_OBJECTS_URL": f"file://{data / 'objects'}",
        }

    here, there = places(tmp_path / "here"), places(tmp_path / "restored")
    goes_on_elsewhere(tmp_path, here, there, data=tmp_path / "here")

    objects = tmp_path / "restored" / "objects"
    kept = next(path for path in objects.rglob("*") if path.is_file())
    kept.rename(tmp_path / "away")
    left = objects / "models" / "left-over"
    left.write_bytes(b"by a killed writer")
    old_s = left.stat().st_mtime - DAYS_AGO_S
    os.utime(left, (old_s, old_s))
    found = backup(there, "verify", "--delete-orphans")
    assert found.returncode == 1
    assert f"missing: {kept.relative_to(objects)}, named by " in found.stdout
    assert "deleted: models/left-over, 18 bytes" in found.stdout
    assert not left.exists()


def test_postgresql_and_s3_come_back_elsewhere_and_the_queued_job_runs(
    tmp_path: Path, postgres: Postgres, postgres_database_url: str, valkey_url: str, s3: S3
) -> None:
    name = f"t{uuid.uuid4().hex}"
    postgres.execute(f"CREATE DATABASE {name}")
    shared = {
        "LATHE_BROKER_URL": valkey_url,
        "LATHE_S3_ACCESS_KEY_ID": s3.key,
        "LATHE_S3_SECRET_ACCESS_KEY": s3.secret,
        "PATH": f"{postgres._binaries}:{os.environ['PATH']}",
    }
    bucket = s3.url
    here = shared | {
        "LATHE_DATABASE_URL": postgres_database_url,
        "LATHE_OBJECTS_URL": bucket.replace("/lathe?", "/here?"),
    }
    there = shared | {
        "LATHE_DATABASE_URL": postgres.url(name),
        "LATHE_OBJECTS_URL": bucket.replace("/lathe?", "/there?"),
    }
    try:
        goes_on_elsewhere(tmp_path, here, there, data=tmp_path / "here")
    finally:
        postgres.execute(f"DROP DATABASE {name} WITH (FORCE)")
