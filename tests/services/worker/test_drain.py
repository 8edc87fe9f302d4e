"""Real workers that are asked to stop, start again, and have several slots."""

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.store.rows import Job, Worker
from lathe.job import JobSpec
from lathe.states import JobState
from lathe.techniques.optimize import OptimizeGraph
from lathe.techniques.quantize import QuantizeDynamic
from tests.services.worker.crew import STAND_IN, Crew
from tests.services.worker.shop import Shop

DRAIN_S = 6.0


@pytest.fixture
def crew(deployment: dict[str, str], tmp_path: Path) -> Iterator[Crew]:
    more = {"LATHE_DRAIN_S": str(DRAIN_S), "LATHE_SLOTS": "2"}
    crew = Crew(deployment | more, tmp_path / "logs", STAND_IN)
    crew.sweep()
    yield crew
    crew.dismiss()


def submit(shop: Shop, **wish: object) -> str:
    """Two steps, each as long as `pause_s` says."""
    pipeline = (OptimizeGraph(id="clean"), QuantizeDynamic(id="int8"))
    model = shop.ready_model(json.dumps(wish).encode())
    return shop.submit(JobSpec(model=model, pipeline=pipeline))


def runs(shop: Shop, job_id: str, step: str) -> bool:
    return any(e.data.get("step") == step for e in shop.events(job_id))


def requeues(shop: Shop, job_id: str) -> list[str]:
    return [e.data["cause"] for e in shop.events(job_id) if e.type == "requeued"]


def presence(shop: Shop) -> Worker:
    (row,) = [row for row in shop.rows(Worker) if row.name.startswith("w@")]
    assert isinstance(row, Worker)
    return row


def faults(shop: Shop) -> int:
    return sum(job.crashes + job.lapses for job in shop.rows(Job))


def test_a_stopping_worker_finishes_what_fits_in_its_grace_and_hands_back_the_rest(
    shop: Shop, crew: Crew
) -> None:
    crew.hire("w", "cpu")
    short, long = submit(shop, pause_s=1, n=1), submit(shop, hang_at_first="int8", n=2)
    crew.until(lambda: runs(shop, short, "clean") and runs(shop, long, "int8"))
    row = presence(shop)
    assert (row.slots, row.stopped_at) == (2, None)  # two slots: both ran at once

    asked_s = time.monotonic()
    crew.ask("w")
    crew.until(lambda: presence(shop).stopped_at is not None, within_s=4)
    late = submit(shop, n=3)
    assert crew.left("w", within_s=DRAIN_S + 40) == 0, crew.log()
    assert time.monotonic() - asked_s >= DRAIN_S - 0.5
    assert shop.job(short).state == JobState.SUCCEEDED
    assert (shop.job(long).state, shop.job(late).attempt) == (JobState.QUEUED, 0)
    assert requeues(shop, long) == ["its worker stopped"]

    crew.hire("w", "cpu")  # under the same name: its row opens again
    for job_id in (long, late):
        crew.until(lambda job_id=job_id: shop.job(job_id).state == JobState.SUCCEEDED)
    assert [step.state for step in shop.steps(long)] == ["reused", "succeeded"]
    assert presence(shop).stopped_at is None
    assert faults(shop) == 0


def test_the_second_signal_hands_back_at_once(shop: Shop, crew: Crew) -> None:
    crew.hire("w", "cpu")
    job_id = submit(shop, hang="clean")
    crew.until(lambda: runs(shop, job_id, "clean"))
    crew.ask_group("w", signal.SIGTERM)  # the slot gets it, too; that is no second signal
    time.sleep(0.5)
    assert shop.job(job_id).state == JobState.RUNNING
    crew.ask("w", signal.SIGINT)
    crew.until(lambda: shop.job(job_id).state == JobState.QUEUED, within_s=4)
    assert crew.left("w", within_s=40) == 0, crew.log()
    assert faults(shop) == 0


def test_workers_that_come_and_go_lose_nothing_and_count_nothing(
    shop: Shop, crew: Crew
) -> None:
    jobs = [submit(shop, pause_s=0.15, n=n) for n in range(14)]
    for name in ("a", "b"):
        crew.hire(name, "cpu")
    crew.until(lambda: shop.in_state(JobState.RUNNING) > 0)
    for turn in range(3):
        name = "ab"[turn % 2]
        crew.ask(name)
        if turn > 0:
            crew.ask(name)  # no grace: what runs is handed back
        began = {0, -signal.SIGTERM}  # the latter where it had not even begun
        assert crew.left(name, within_s=DRAIN_S + 40) in began, crew.log()
        crew.hire(name, "cpu")
    crew.until(lambda: shop.in_state(JobState.SUCCEEDED) == len(jobs))
    successes = [e.type for job_id in jobs for e in shop.events(job_id)].count("succeeded")
    assert successes == len(jobs)
    assert faults(shop) == 0
