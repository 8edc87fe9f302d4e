"""What is counted of real attempts, in both databases: once for each, whoever asks."""

import json

from app.store.rows import Tally
from lathe.job import JobSpec, Resources
from lathe.states import JobState
from lathe.techniques.optimize import OptimizeGraph
from tests.services.worker.conftest import on_both_databases, take
from tests.services.worker.shop import Shop
from worker.bench import Bench
from worker.supervise import supervise

pytestmark = on_both_databases


def submit(shop: Shop, max_run_s: int = 60, **wish: object) -> str:
    model = shop.ready_model(json.dumps(wish).encode())
    step = OptimizeGraph(id="our-secret-step")
    resources = Resources(max_run_s=max_run_s)
    return shop.submit(JobSpec(model=model, pipeline=(step,), resources=resources))


def counted(shop: Shop, metric: str) -> dict[str, float]:
    """By labels; of a histogram the number of its times."""
    found: dict[str, float] = {}
    for row in shop.rows(Tally, metric=metric):
        if row.part != "sum":
            labels = "/".join(json.loads(row.labels))
            found[labels] = found.get(labels, 0) + row.value
    return found


def test_a_job_that_succeeds_is_counted_with_its_step_and_stages(
    shop: Shop, bench: Bench
) -> None:
    first, again = submit(shop), submit(shop)
    for _ in range(2):
        supervise(take(bench), bench)
    assert {shop.job(each).state for each in (first, again)} == {JobState.SUCCEEDED}
    assert counted(shop, "lathe_jobs_ended_total") == {"compress/cpu/succeeded": 2}
    assert counted(shop, "lathe_job_failures_total") == {}
    assert counted(shop, "lathe_attempts_ended_total") == {"cpu/succeeded": 2}
    assert counted(shop, "lathe_steps_total") == {
        "optimize.graph/ran": 1,
        "optimize.graph/reused": 1,
    }
    assert counted(shop, "lathe_step_seconds") == {"optimize.graph": 1}
    assert counted(shop, "lathe_stage_seconds") == {"stage": 2, "prepare": 2, "store": 2}
    assert counted(shop, "lathe_job_wait_seconds") == {"cpu": 2}
    assert counted(shop, "lathe_job_run_seconds") == {"compress/cpu": 2}
    assert "our-secret-step" not in "".join(row.labels for row in shop.rows(Tally))


def test_failures_deaths_and_limits_are_counted_by_their_codes(
    shop: Shop, bench: Bench
) -> None:
    submit(shop, die="our-secret-step")
    for _ in range(3):
        supervise(take(bench), bench)
    submit(shop, max_run_s=1, hang="our-secret-step")
    supervise(take(bench), bench)
    assert counted(shop, "lathe_jobs_ended_total") == {"compress/cpu/failed": 2}
    assert counted(shop, "lathe_job_failures_total") == {
        "compress/cpu/worker_crashed": 1,
        "compress/cpu/run_timeout": 1,
    }
    assert counted(shop, "lathe_attempts_ended_total") == {"cpu/crashed": 3, "cpu/killed": 1}
    assert counted(shop, "lathe_sandbox_kills_total") == {"cpu/run_timeout": 1}
    assert counted(shop, "lathe_step_seconds") == {}
