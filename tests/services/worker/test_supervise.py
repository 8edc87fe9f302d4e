"""One worker, real children, a stand-in engine: what becomes of a job."""

import errno
import json
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import update

from app.store.rows import Artifact, Blob, Job, MeasurementRow, Model, StepCache
from lathe.job import Benchmark, Data, JobSpec, Resources, Split
from lathe.states import JobState, Queue, StepState, UploadState
from lathe.techniques.optimize import OptimizeGraph
from lathe.techniques.quantize import QuantizeDynamic
from lathe.techniques.train import Recover
from tests.services.worker.conftest import take
from tests.services.worker.shop import Shop
from worker.bench import Bench
from worker.sandbox.rules import rules
from worker.supervise import supervise


def spec(shop: Shop, wish: dict[str, str], *, max_run_s: int = 60) -> JobSpec:
    return JobSpec(
        model=shop.ready_model(json.dumps(wish).encode()),
        data=Data(train=Split(dataset=shop.ready_dataset(b"data"), split="train")),
        pipeline=(
            OptimizeGraph(id="clean"),
            Recover(id="train"),
            QuantizeDynamic(id="int8"),
        ),
        benchmark=Benchmark(),
        resources=Resources(max_run_s=max_run_s),
    )


def run(bench: Bench, queue: Queue = Queue.CPU) -> None:
    supervise(take(bench, queue), bench)


def children_of(bench: Bench) -> list[int]:
    process = bench.nursery._process
    assert process is not None
    path = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    return [int(pid) for pid in path.read_text().split()]


def meanwhile(act: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=act)
    thread.start()
    return thread


def until(holds: Callable[[], bool], within_s: float = 20) -> None:
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.02)


def test_an_inspected_model_is_ready_and_its_files_are_what_the_child_wrote(
    shop: Shop, bench: Bench
) -> None:
    model_id, job_id = shop.upload_model(b"abc")
    run(bench, Queue.INTAKE)
    (model,) = shop.rows(Model, id=model_id)
    assert shop.job(job_id).state == JobState.SUCCEEDED
    assert (model.state, model.facts["format"]) == (UploadState.READY, "onnx")
    (blob,) = shop.rows(Blob, id=model.canonical_blob_id)
    path = shop.folder / "canonical"
    assert shop.objects.read_to_file(blob.key, path) == blob.sha256
    assert path.read_bytes() == b"abc"
    assert not list((shop.folder / "work").iterdir())


def test_a_compression_leaves_its_files_numbers_and_steps(shop: Shop, bench: Bench) -> None:
    job_id = shop.submit(spec(shop, {}))
    run(bench)
    job = shop.job(job_id)
    assert job.state == JobState.SUCCEEDED, job.failure
    assert job.verdict is not None
    assert job.verdict["best"] == "int8"
    assert [step.state for step in shop.steps(job_id)] == [StepState.SUCCEEDED] * 3
    assert [step.fraction for step in shop.steps(job_id)] == [1.0] * 3
    artifacts = shop.rows(Artifact, job_id=job_id)
    assert sorted(a.kind for a in artifacts) == [
        "bom",
        "manifest",
        "onnx",
        "report.html",
        "report.json",
    ]
    roles = sorted(m.role for m in shop.rows(MeasurementRow, job_id=job_id))
    assert roles == ["baseline", "candidate", "candidate"]
    types = [event.type for event in shop.events(job_id)]
    steps = ["step_started", "step_finished"] * 3
    assert [t for t in types if t != "progressed"] == ["queued", "started", *steps, "succeeded"]
    assert [event.seq for event in shop.events(job_id)] == list(range(1, len(types) + 1))


def test_a_job_whose_child_is_killed_after_its_first_step_resumes_at_the_second(
    shop: Shop, bench: Bench
) -> None:
    job_id = shop.submit(spec(shop, {"hang_at_first": "train"}))

    def kill_in_the_second_step() -> None:
        until(lambda: [e.type for e in shop.events(job_id)].count("step_started") == 2)
        (child,) = children_of(bench)
        os.kill(child, signal.SIGKILL)

    killer = meanwhile(kill_in_the_second_step)
    run(bench)
    killer.join()
    waiting = shop.job(job_id)
    assert (waiting.state, waiting.crashes, waiting.attempt) == (JobState.QUEUED, 1, 1)
    run(bench)
    assert shop.job(job_id).state == JobState.SUCCEEDED
    states = [step.state for step in shop.steps(job_id)]
    assert states == [StepState.REUSED, StepState.SUCCEEDED, StepState.SUCCEEDED]
    started = [e.data["step"] for e in shop.events(job_id) if e.type == "step_started"]
    assert started == ["clean", "train", "train", "int8"]
    (report,) = [a for a in shop.rows(Artifact, job_id=job_id) if a.kind == "report.json"]
    (blob,) = shop.rows(Blob, id=report.blob_id)
    shop.objects.read_to_file(blob.key, shop.folder / "report.json")
    steps = json.loads((shop.folder / "report.json").read_text())["steps"]
    assert [step["reused"] for step in steps] == [True, False, False]


def test_the_same_job_again_takes_every_step_from_the_cache(shop: Shop, bench: Bench) -> None:
    wanted = spec(shop, {})
    shop.submit(wanted)
    run(bench)
    again = shop.submit(wanted)
    run(bench)
    assert [step.state for step in shop.steps(again)] == [StepState.REUSED] * 3
    assert len(shop.rows(StepCache)) == 3
    assert shop.job(again).state == JobState.SUCCEEDED


def test_another_seed_takes_nothing_from_the_cache(shop: Shop, bench: Bench) -> None:
    wanted = spec(shop, {})
    shop.submit(wanted)
    run(bench)
    again = shop.submit(wanted.model_copy(update={"seed": 8}))
    run(bench)
    assert [step.state for step in shop.steps(again)] == [StepState.SUCCEEDED] * 3


def test_a_cancel_frees_the_child_within_a_second(shop: Shop, bench: Bench) -> None:
    job_id = shop.submit(spec(shop, {"hang": "clean"}))
    freed_s: list[float] = []

    def cancel() -> None:
        until(lambda: shop.job(job_id).progress is not None)
        (child,) = children_of(bench)
        asked_s = time.monotonic()
        shop.cancel(job_id)
        until(lambda: not Path(f"/proc/{child}").exists())
        freed_s.append(time.monotonic() - asked_s)

    canceller = meanwhile(cancel)
    run(bench)
    canceller.join()
    assert freed_s[0] < 1.0
    assert shop.job(job_id).state == JobState.CANCELLED
    states = [step.state for step in shop.steps(job_id)]
    assert states == [StepState.FAILED, StepState.SKIPPED, StepState.SKIPPED]


def test_progress_is_in_the_row_while_the_child_works(shop: Shop, bench: Bench) -> None:
    job_id = shop.submit(spec(shop, {"hang": "clean"}))
    seen: list[dict[str, object] | None] = []

    def look() -> None:
        until(lambda: shop.job(job_id).progress is not None, within_s=20)
        seen.append(shop.job(job_id).progress)
        shop.cancel(job_id)

    looker = meanwhile(look)
    run(bench)
    looker.join()
    assert seen[0] is not None
    assert (seen[0]["step"], seen[0]["fraction"], seen[0]["eta_s"]) == ("clean", 0.25, 3.0)


def test_a_child_that_dies_three_times_fails_the_job(shop: Shop, bench: Bench) -> None:
    job_id = shop.submit(spec(shop, {"die": "train"}))
    for _ in range(3):
        run(bench)
    job = shop.job(job_id)
    assert (job.state, job.crashes) == (JobState.FAILED, 3)
    assert job.failure is not None
    assert job.failure["code"] == "worker_crashed"
    assert "SIGKILL" in job.failure["detail"]


def test_a_worker_whose_disk_is_full_puts_the_job_off(shop: Shop, bench: Bench) -> None:
    job_id = shop.submit(spec(shop, {"fill_the_disk": "train"}))
    run(bench)
    job = shop.job(job_id)
    assert (job.state, job.crashes, job.lapses) == (JobState.QUEUED, 0, 0)
    assert job.not_before is not None
    assert job.waiting_for is not None
    assert "full" in job.waiting_for
    assert len(shop.rows(StepCache, job_id=job_id)) == 1


def test_a_disk_without_room_for_the_folder_puts_the_job_off(
    shop: Shop, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("worker.supervise.job_folder", full)
    job_id = shop.submit(spec(shop, {}))
    run(bench)
    job = shop.job(job_id)
    assert (job.state, job.crashes, job.lapses) == (JobState.QUEUED, 0, 0)
    assert job.not_before is not None


def test_a_job_over_its_time_fails_and_hands_over_what_its_steps_came_to(
    shop: Shop, bench: Bench
) -> None:
    job_id = shop.submit(spec(shop, {"hang": "train"}, max_run_s=1))
    run(bench)
    job = shop.job(job_id)
    assert job.state == JobState.FAILED
    assert job.failure is not None
    assert (job.failure["code"], job.failure["step"]) == ("run_timeout", 1)
    assert len(shop.rows(StepCache, job_id=job_id)) == 1
    kinds = {artifact.kind for artifact in shop.rows(Artifact, job_id=job_id)}
    assert "onnx" in kinds
    told = [event.type for event in shop.events(job_id)]
    assert told.count("step_finished") == 1


@pytest.mark.parametrize("cap", ["clock", "files"])
def test_a_step_that_ended_while_the_one_before_was_stored_is_not_lost_to_a_limit(
    cap: str, shop: Shop, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_file, late_s, tries = shop.objects.write_file, 0.0, iter([4])

    def written(key: str, path: Path) -> Any:
        """Slow, for the first step's: the second one ends and the third one hangs meanwhile."""
        nonlocal late_s
        if key.startswith("checkpoints/") and late_s == 0.0:
            until(path.readlink().with_name("1.checkpoint").exists)
            if cap == "files":
                until(lambda: not children_of(bench))
            time.sleep(0.5)
            late_s = 1000.0 if cap == "clock" else 0.1
        return write_file(key, path)

    def few_files(*arguments: Any) -> Any:
        return rules(*arguments).model_copy(update={"folder_files": next(tries, 1000)})

    monkeypatch.setattr(shop.objects, "write_file", written)
    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + late_s, sleep=time.sleep)
    monkeypatch.setattr("worker.attempt.time", clock)
    if cap == "files":
        monkeypatch.setattr("worker.attempt.rules", few_files)
    job_id = shop.submit(spec(shop, {"hang": "int8"}, max_run_s=600))
    run(bench)
    job = shop.job(job_id)
    assert job.failure is not None
    code = "run_timeout" if cap == "clock" else "too_much_written"
    assert (job.failure["code"], job.failure["step"]) == (code, 2)
    assert len(shop.rows(StepCache, job_id=job_id)) == 2


def test_a_job_over_its_time_in_its_first_step_has_nothing_to_hand_over(
    shop: Shop, bench: Bench
) -> None:
    job_id = shop.submit(spec(shop, {"hang": "clean"}, max_run_s=1))
    run(bench)
    job = shop.job(job_id)
    assert job.failure is not None
    assert (job.failure["code"], job.failure["step"]) == ("run_timeout", None)
    assert shop.rows(Artifact, job_id=job_id) == []


def test_a_lost_lease_kills_the_child_and_throws_the_work_away(
    shop: Shop, bench: Bench
) -> None:
    job_id = shop.submit(spec(shop, {"hang": "train"}))

    def another_takes_it() -> None:
        until(lambda: [e.type for e in shop.events(job_id)].count("step_started") == 2)
        with shop.sessions.begin() as session:
            session.execute(update(Job).values(attempt=Job.attempt + 1))

    other = meanwhile(another_takes_it)
    run(bench)
    other.join()
    job = shop.job(job_id)
    assert (job.state, job.attempt) == (JobState.RUNNING, 2)
    assert children_of(bench) == []


def test_a_worker_that_stops_hands_its_job_back(shop: Shop, bench: Bench) -> None:
    job_id = shop.submit(spec(shop, {"hang": "clean"}))

    def stop() -> None:
        until(lambda: shop.job(job_id).progress is not None)
        bench.drain.hasten()

    stopper = meanwhile(stop)
    run(bench)
    stopper.join()
    job = shop.job(job_id)
    assert (job.state, job.crashes, job.lapses) == (JobState.QUEUED, 0, 0)
    assert job.worker is None


def test_a_nursery_that_dies_is_a_crash_and_the_next_job_gets_a_new_one(
    shop: Shop, bench: Bench
) -> None:
    job_id = shop.submit(spec(shop, {"hang": "clean"}))

    def kill() -> None:
        until(lambda: shop.job(job_id).progress is not None)
        process = bench.nursery._process
        assert process is not None
        process.kill()

    killer = meanwhile(kill)
    run(bench)
    killer.join()
    assert (shop.job(job_id).state, shop.job(job_id).crashes) == (JobState.QUEUED, 1)
    model_id, _ = shop.upload_model(b"abc")
    run(bench, Queue.INTAKE)
    assert shop.rows(Model, id=model_id)[0].state == UploadState.READY
