"""A job that takes more than its share ends once, with the name of the cap it has reached."""

import json
from dataclasses import replace
from typing import Any

import pytest

from lathe.states import JobState, Queue
from tests.services.worker.conftest import take
from tests.services.worker.shop import Shop
from worker.bench import Bench
from worker.nursery import Nursery
from worker.sandbox.rules import rules
from worker.sandbox.walls import available
from worker.supervise import supervise

pytestmark = pytest.mark.skipif(
    bool(available().missing), reason=f"this kernel lacks {available().missing}"
)

MIB = 1 << 20
CAPS: dict[str, Any] = {
    "sandbox": "required",
    "threads": 1,
    "inspect_memory_bytes": 2 << 30,
    "inspect_max_run_s": 30,
    "child_file_bytes": 4 * MIB,
    "child_folder_bytes": 16 * MIB,
    "child_files": 1000,
    "child_threads": 200,
}


def failure_of(
    shop: Shop, bench: Bench, nursery: Nursery, wish: dict[str, Any], **caps: Any
) -> Any:
    """Inspect the wish as if it were a model; how the job failed, which it must do at once."""
    _, job_id = shop.upload_model(json.dumps(wish).encode())
    settings = bench.settings.model_copy(update=CAPS | caps)
    own = replace(bench, settings=settings, nursery=nursery)
    supervise(take(own, Queue.INTAKE), own)
    job = shop.job(job_id)
    assert (job.state, job.crashes, job.attempt) == (JobState.FAILED, 0, 1), job.failure
    assert not list((shop.folder / "work").iterdir())
    return job.failure


@pytest.mark.parametrize(
    ("wish", "code", "words"),
    [
        ({"act": "thread_bomb"}, "too_many_threads", "200 threads"),
        ({"act": "large_file"}, "too_much_written", "LATHE_CHILD_FILE_BYTES"),
        ({"act": "large_file_by_force"}, "too_much_written", "LATHE_CHILD_FILE_BYTES"),
        ({"act": "many_files", "files": 40}, "too_much_written", "LATHE_CHILD_FOLDER_BYTES"),
        ({"act": "hidden_files", "files": 40}, "too_much_written", "LATHE_CHILD_FOLDER_BYTES"),
        ({"act": "empty_files", "files": 1500}, "too_much_written", "LATHE_CHILD_FILES"),
        ({"act": "closed_folder"}, "too_much_written", ""),  # root can look into it
        ({"act": "deep_folders", "depth": 1500}, "too_much_written", "64 deep"),
        ({"act": "memory", "bytes": 3 << 30}, "out_of_memory", "memory"),
    ],
    ids=lambda value: value["act"] if isinstance(value, dict) else None,
)
def test_an_excess_is_a_failure_that_names_the_cap(
    wish: dict[str, Any], code: str, words: str, shop: Shop, bench: Bench, nursery: Nursery
) -> None:
    failure = failure_of(shop, bench, nursery, wish)
    assert (failure["code"], failure["retryable"]) == (code, False), failure
    assert words in failure["detail"]


@pytest.mark.parametrize(
    ("then", "code"),
    [
        ({"then": "thread_bomb"}, "too_many_threads"),
        ({"then": "many_files", "files": 40}, "too_much_written"),
        ({"then": "hidden_files", "files": 40}, "too_much_written"),
    ],
    ids=lambda value: value["then"] if isinstance(value, dict) else None,
)
def test_a_job_whose_first_thread_ends_is_held_to_its_caps_all_the_same(
    then: dict[str, Any], code: str, shop: Shop, bench: Bench, nursery: Nursery
) -> None:
    failure = failure_of(shop, bench, nursery, {"act": "behind_the_first_thread", **then})
    assert failure["code"] == code, failure


@pytest.mark.parametrize("act", ["burn", "burn_on"])
def test_cpu_time_over_the_limit_is_a_timeout_even_for_who_ignores_the_signal(
    act: str, shop: Shop, bench: Bench, nursery: Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hasty(*arguments: Any) -> Any:
        return rules(*arguments).model_copy(update={"cpu_s": 1})

    monkeypatch.setattr("worker.attempt.rules", hasty)
    failure = failure_of(shop, bench, nursery, {"act": act}, inspect_max_run_s=300)
    assert failure["code"] == "run_timeout"
    assert "1 s of CPU time" in failure["detail"]
    assert "LATHE_INSPECT_MAX_RUN_S" in failure["detail"]


def test_the_clock_over_the_limit_is_a_timeout(
    shop: Shop, bench: Bench, nursery: Nursery
) -> None:
    failure = failure_of(shop, bench, nursery, {"act": "sleep"}, inspect_max_run_s=1)
    assert failure["code"] == "run_timeout"
    assert "longer than its 1 s" in failure["detail"]


def test_what_is_printed_counts_as_written(shop: Shop, bench: Bench, nursery: Nursery) -> None:
    failure = failure_of(shop, bench, nursery, {"act": "talk_to_the_log"})
    assert failure["code"] == "too_much_written"


def test_a_job_below_every_cap_is_left_alone(
    shop: Shop, bench: Bench, nursery: Nursery
) -> None:
    wish = {"act": "many_files", "files": 12, "sleep_s": 1.5}
    failure = failure_of(shop, bench, nursery, wish)
    assert "'act_done'" in failure["detail"]
