"""Real workers, the real engine, SQLite: slots, a killed child, a cancel, a resumed job."""

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.store.rows import Artifact, Blob, Model, TrainingState
from lathe.job import Data, JobSpec, Split
from lathe.states import JobState, StepState, UploadState
from lathe.task import Task
from lathe.techniques.optimize import OptimizeGraph
from lathe.techniques.quantize import QuantizeDynamic
from lathe.techniques.train import Recover
from tests.services.worker.crew import Crew
from tests.services.worker.nets import examples, perceptron
from tests.services.worker.shop import Shop


@pytest.fixture
def crew(deployment: dict[str, str], tmp_path: Path) -> Iterator[Crew]:
    environment = {**deployment, "LATHE_TRAINING_EVERY_S": "0"}
    crew = Crew(environment, tmp_path / "logs")
    crew.hire("i", "intake")
    crew.hire("c", "cpu")
    crew.sweep()
    yield crew
    crew.dismiss()


def succeeds(shop: Shop, crew: Crew, job_id: str) -> None:
    crew.until(lambda: JobState(shop.job(job_id).state).finished)
    assert shop.job(job_id).state == JobState.SUCCEEDED, shop.job(job_id).failure


def spec(model_id: str, dataset_id: str, epochs: int) -> JobSpec:
    train = Split(dataset=dataset_id, split="train")
    return JobSpec(
        model=model_id,
        data=Data(train=train, evaluation=train),
        task=Task(kind="classification"),
        pipeline=(
            OptimizeGraph(id="clean"),
            Recover(id="train", epochs=epochs),
            QuantizeDynamic(id="int8"),
        ),
    )


def started(shop: Shop, job_id: str, step: str) -> int:
    events = shop.events(job_id)
    return sum(e.type == "step_started" and e.data["step"] == step for e in events)


def reported(shop: Shop, job_id: str) -> list[dict[str, Any]]:
    """The steps of a finished job's report."""
    (artifact,) = [a for a in shop.rows(Artifact, job_id=job_id) if a.kind == "report.json"]
    (blob,) = shop.rows(Blob, id=artifact.blob_id)
    shop.objects.read_to_file(blob.key, shop.folder / "report.json")
    steps: list[dict[str, Any]] = json.loads((shop.folder / "report.json").read_text())["steps"]
    return steps


def test_long_jobs_share_the_house_and_outlive_their_child(shop: Shop, crew: Crew) -> None:
    model_id, inspection = shop.upload_model(perceptron(3))
    dataset_id, reading = shop.upload_dataset(examples(400))
    succeeds(shop, crew, inspection)
    succeeds(shop, crew, reading)

    long = shop.submit(spec(model_id, dataset_id, epochs=10_000))
    crew.until(lambda: started(shop, long, "train") == 1)

    other, second = shop.upload_model(perceptron(4))  # while the cpu slot is taken
    succeeds(shop, crew, second)
    assert shop.job(long).state == JobState.RUNNING
    assert shop.rows(Model, id=other)[0].state == UploadState.READY

    child = crew.child_of("c")
    assert child is not None
    os.kill(child[0], signal.SIGKILL)  # after step 1 of 3: the next attempt begins at step 2
    crew.until(lambda: started(shop, long, "train") == 2)
    assert started(shop, long, "clean") == 1
    assert shop.steps(long)[0].state == StepState.REUSED

    crew.until(lambda: shop.job(long).progress is not None)
    again = crew.child_of("c")
    assert again is not None
    asked_s = time.monotonic()
    shop.cancel(long)
    crew.until(lambda: not Path(f"/proc/{again[0]}").exists())
    assert time.monotonic() - asked_s < 1.0
    crew.until(lambda: shop.job(long).state == JobState.CANCELLED)

    short = shop.submit(spec(model_id, dataset_id, epochs=1))
    succeeds(shop, crew, short)
    reused = [(step["id"], step["reused"]) for step in reported(shop, short)]
    assert reused == [("clean", True), ("train", False), ("int8", False)]

    last = shop.submit(spec(model_id, dataset_id, epochs=10_000))
    crew.until(lambda: crew.child_of("c") is not None)
    assert list((shop.folder / "work").glob(f"{last}-1-*"))
    crew.kill_pool("c")  # with its nursery and its child; the next one clears its folder away
    crew.until(lambda: not list((shop.folder / "work").glob(f"{last}-1-*")))


def test_a_killed_training_goes_on_behind_the_epoch_that_it_told_of(
    shop: Shop, crew: Crew
) -> None:
    epochs = 300  # some seconds
    model_id, inspection = shop.upload_model(perceptron(3))
    dataset_id, reading = shop.upload_dataset(examples(400))
    succeeds(shop, crew, inspection)
    succeeds(shop, crew, reading)
    job_id = shop.submit(spec(model_id, dataset_id, epochs))
    crew.until(lambda: len(shop.rows(TrainingState)) == 1)
    child = crew.child_of("c")
    assert child is not None
    os.kill(child[0], signal.SIGKILL)
    succeeds(shop, crew, job_id)
    assert started(shop, job_id, "train") == 2
    trained = next(step for step in reported(shop, job_id) if step["id"] == "train")
    assert 1 <= trained["facts"]["resumed_after_epoch"] < epochs
    assert [row[0] for row in trained["curve"]] == list(range(epochs + 1))
    assert shop.rows(TrainingState) == []
