"""An older and a newer release at work on one database, upgraded and rolled back meanwhile."""

import time
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select

from app.store.db import sync_engine
from app.store.rows import Event, Job, Worker
from lathe.client import Client
from lathe.job import Data, JobSpec, Split
from lathe.states import JobState
from lathe.task import Task
from lathe.techniques.optimize import OptimizeGraph
from lathe.techniques.quantize import QuantizeDynamic
from lathe.techniques.train import Recover
from tests.services.worker.nets import examples, perceptron
from tests.upgrade.release import House, Release

EPOCHS = 10_000  # a minute of training: time to bring a release up and another down


class Ledger:
    """What both releases wrote, read with the newer one's rows once it has migrated."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine.execution_options(read_only=True)

    def events(self, job_id: str, kind: str) -> list[dict[str, object]]:
        """The data of the job's events of that kind."""
        with self._engine.connect() as connection:
            rows = select(Event.data).where(Event.job_id == job_id, Event.type == kind)
            return list(connection.scalars(rows.order_by(Event.seq)))

    def trains(self, job_id: str) -> int:
        """How often the long step of the job began."""
        return [data["step"] for data in self.events(job_id, "step_started")].count("train")

    def worker(self, job_id: str) -> str:
        """Who had the job last, as `old-1`."""
        with self._engine.connect() as connection:
            name = connection.scalar(select(Job.worker).where(Job.id == job_id))
        return str(name).partition("@")[0]

    def faults(self, job_id: str) -> tuple[int, int]:
        """(crashes, lapses)."""
        with self._engine.connect() as connection:
            row = connection.execute(select(Job.crashes, Job.lapses).where(Job.id == job_id))
            crashes, lapses = row.one()
        return crashes, lapses

    def seen(self, worker: str) -> bool:
        """Whether the worker has written its row."""
        with self._engine.connect() as connection:
            there = select(func.count()).where(Worker.name.startswith(f"{worker}@"))
            return bool(connection.scalar(there))


class Desk:
    """One release's API as a client uses it; every job goes on one list."""

    def __init__(self, client: Client, folder: Path, jobs: list[str]) -> None:
        self.client = client
        self._folder = folder
        self._jobs = jobs

    def model(self, seed: int) -> str:
        """Upload a model of its own and have it inspected."""
        file = self._folder / f"{seed}.onnx"
        file.write_bytes(perceptron(seed))
        return self.client.upload_model(file).id

    def dataset(self) -> str:
        """Upload the data and have it inspected."""
        file = self._folder / "examples.npz"
        file.write_bytes(examples(400))
        return self.client.upload_dataset(file).id

    def short(self, model_id: str, seed: int) -> str:
        """Queue a job of two steps."""
        pipeline = (OptimizeGraph(id="clean"), QuantizeDynamic(id="int8"))
        return self._submit(JobSpec(model=model_id, pipeline=pipeline, seed=seed))

    def long(self, model_id: str, dataset_id: str, seed: int) -> str:
        """Queue a job whose second step trains for a while."""
        train = Split(dataset=dataset_id, split="train")
        return self._submit(
            JobSpec(
                model=model_id,
                data=Data(train=train, evaluation=train),
                task=Task(kind="classification"),
                pipeline=(
                    OptimizeGraph(id="clean"),
                    Recover(id="train", epochs=EPOCHS),
                    QuantizeDynamic(id="int8"),
                ),
                seed=seed,
            )
        )

    def succeeds(self, job_id: str) -> bool:
        """Wait for the job's end and fetch all it made, each with its sha256."""
        job = self.client.wait(job_id, timeout_s=1200)
        made = self.client.artifacts(job_id)
        for artifact in made:
            self.client.download(artifact, self._folder / job_id)
        papers = {"bom", "manifest"}  # a release from before them leaves none
        kinds = sorted(each.kind for each in made if each.kind not in papers)
        return job.state is JobState.SUCCEEDED and kinds == [
            "onnx",
            "report.html",
            "report.json",
        ]

    def _submit(self, spec: JobSpec) -> str:
        self._jobs.append(self.client.submit(spec).id)
        return self._jobs[-1]


def test_every_job_ends_right_while_releases_change(
    old: Release,
    new: Release,
    house: House,
    database_url: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    begin_s = time.monotonic()
    jobs: list[str] = []
    house.migrate(old)
    key = house.bootstrap(old)
    engine = sync_engine(database_url)
    ledger = Ledger(engine)
    older = Desk(house.api(old, key), tmp_path, jobs)
    house.sweep(old)
    house.worker(old, "intake", "intake")
    killed, drained = (house.worker(old, number, "cpu") for number in "12")
    model, data = older.model(1), older.dataset()
    first, second = older.long(model, data, 1), older.long(model, data, 2)
    house.until(lambda: ledger.trains(first) + ledger.trains(second) == 2, "training")
    of = {ledger.worker(job_id): job_id for job_id in (first, second)}
    lapsing, handed = of[killed], of[drained]

    house.migrate(new)  # while the older release works
    newer = Desk(house.api(new, key), tmp_path, jobs)
    house.sweep(new)
    house.worker(new, "intake", "intake")
    heir = house.worker(new, "1", "cpu")
    house.until(lambda: ledger.seen(heir), "the newer worker")
    models = [newer.model(2), older.model(3)]
    for seed, made in enumerate(models):
        older.short(made, seed)
        newer.short(made, 10 + seed)
    ended = ledger.events(lapsing, "succeeded") + ledger.events(handed, "succeeded")
    assert not ended, "too late: raise EPOCHS"
    house.kill(killed)
    house.dismiss(drained)
    assert all(newer.succeeds(job_id) for job_id in jobs), house.logs()
    assert [ledger.worker(job_id) for job_id in (lapsing, handed)] == [heir, heir]
    assert [ledger.faults(job_id) for job_id in (lapsing, handed)] == [(0, 1), (0, 0)]

    back = older.long(models[0], data, 3)  # and back again
    house.until(lambda: ledger.trains(back) == 1, "training by the newer release")
    guard = house.worker(old, "3", "cpu")
    house.until(lambda: ledger.seen(guard), "the older worker")
    house.dismiss(heir)
    assert older.succeeds(back), house.logs()
    assert (ledger.worker(back), ledger.faults(back)) == (guard, (0, 0))

    ends = [len(ledger.events(job_id, "succeeded")) for job_id in jobs]
    lost, twice = ends.count(0), sum(count > 1 for count in ends)
    attempts = sum(len(ledger.events(job_id, "started")) for job_id in jobs)
    with capsys.disabled():
        print(  # noqa: T201 - the line people look for
            f"\n{engine.dialect.name}: {len(jobs)} jobs over two releases, {attempts} "
            f"attempts, {time.monotonic() - begin_s:.0f} s: lost={lost} twice={twice}"
        )
    engine.dispose()
    assert (lost, twice) == (0, 0)
    assert all(older.succeeds(job_id) for job_id in jobs), "the older release cannot read it"
