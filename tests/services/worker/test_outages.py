"""A worker whose store or database is away: its job waits, and no try is counted against it."""

import json
import time
from dataclasses import replace
from pathlib import Path

from app.store.rows import Job
from lathe.job import JobSpec, Resources
from lathe.states import JobState, Queue
from lathe.techniques.optimize import OptimizeGraph
from stacks.postgres import Postgres
from tests.services.worker.conftest import take
from tests.services.worker.shop import Shop
from tests.services.worker.test_supervise import meanwhile, until
from worker.bench import Bench
from worker.drain import Drain
from worker.nursery import Nursery
from worker.settings import Settings
from worker.supervise import supervise


def impatient(bench: Bench) -> Bench:
    """Gives a store half a second, and puts the job off for another."""
    short = {"objects_patience_s": 0.5, "objects_retry_s": 0.5}
    return replace(bench, settings=bench.settings.model_copy(update=short))


def slow_job(shop: Shop, **wish: object) -> str:
    spec = JobSpec(
        model=shop.ready_model(json.dumps(wish).encode()),
        pipeline=(OptimizeGraph(id="clean"),),
        resources=Resources(max_run_s=3),
    )
    return shop.submit(spec)


def requeued(shop: Shop, job_id: str) -> Job:
    job = shop.job(job_id)
    assert (job.state, job.crashes, job.lapses) == (JobState.QUEUED, 0, 0)
    return job


def test_a_store_that_is_away_for_a_moment_only_delays_the_job(
    shop: Shop, bench: Bench
) -> None:
    objects, away = shop.folder / "objects", shop.folder / "away"
    _, job_id = shop.upload_model(b"abc")
    claimed = take(bench, Queue.INTAKE)
    objects.rename(away)

    def bring_back() -> None:
        time.sleep(1)
        away.rename(objects)

    helper = meanwhile(bring_back)
    supervise(claimed, bench)
    helper.join()
    job = shop.job(job_id)
    assert (job.state, job.attempt, job.crashes) == (JobState.SUCCEEDED, 1, 0)


def test_a_store_that_stays_away_puts_the_job_off_and_counts_nothing(
    shop: Shop, bench: Bench
) -> None:
    objects, away = shop.folder / "objects", shop.folder / "away"
    _, job_id = shop.upload_model(b"abc")
    for _ in range(4):  # one more than the crashes that would fail it
        claimed = take(bench, Queue.INTAKE)
        objects.rename(away)
        supervise(claimed, impatient(bench))
        away.rename(objects)
        job = requeued(shop, job_id)
        assert job.not_before is not None
        assert "object folder is gone" in str(job.waiting_for)
        time.sleep(0.6)
    supervise(take(bench, Queue.INTAKE), bench)
    assert shop.job(job_id).state == JobState.SUCCEEDED


def test_work_that_the_store_does_not_take_is_given_back(shop: Shop, bench: Bench) -> None:
    objects, away = shop.folder / "objects", shop.folder / "away"
    job_id = slow_job(shop, pause_s=0.5)

    def take_away() -> None:
        until(lambda: shop.job(job_id).progress is not None)
        objects.rename(away)

    helper = meanwhile(take_away)
    supervise(take(bench), impatient(bench))
    helper.join()
    away.rename(objects)
    requeued(shop, job_id)
    time.sleep(0.6)
    supervise(take(bench), bench)
    assert shop.job(job_id).state == JobState.SUCCEEDED


def test_a_database_that_is_away_longer_than_the_lease_costs_no_work(
    postgres: Postgres, postgres_database_url: str, rehearsals: Nursery, tmp_path: Path
) -> None:
    shop = Shop.open(postgres_database_url, tmp_path)
    settings = Settings(
        database_url=postgres_database_url,
        objects_url=f"file://{tmp_path / 'objects'}",
        work_dir=tmp_path / "work",
        lock_path=tmp_path / "timing.lock",
        lease_s=1,
        threads=1,
    )
    bench = replace(Bench.set_up(settings, "tester"), nursery=rehearsals, drain=Drain(0.0))
    job_id = slow_job(shop, pause_s=2)  # it may run for three seconds; the outage takes two

    claimed = take(bench)
    worker = meanwhile(lambda: supervise(claimed, bench))
    until(lambda: shop.job(job_id).progress is not None)
    postgres.stop()
    time.sleep(2)
    postgres.begin()
    worker.join()
    job = shop.job(job_id)
    assert (job.state, job.attempt) == (JobState.SUCCEEDED, 1), job.failure
    shop.close()
    bench.sessions.kw["bind"].dispose()
