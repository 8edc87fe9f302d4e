"""Each way to end has its status and a sentence on stderr."""

import errno
import json
from collections.abc import Callable

import httpx
from click.testing import Result

from tests.unit.lathe.cli.played import JOB, Played, found, job, page, problem, verdict

Run = Callable[..., Result]


def test_a_result_is_alone_on_stdout_and_0(service: Played, run: Run) -> None:
    service.on("GET /v1/jobs", page(job()))
    ended = run("jobs", "list", "--json")
    assert ended.exit_code == 0
    assert [each["id"] for each in json.loads(ended.stdout)] == [JOB]
    assert ended.stderr == ""


def test_a_job_that_missed_a_limit_or_failed_is_1(service: Played, run: Run) -> None:
    place = f"GET /v1/jobs/{JOB}"
    service.on(place, found(job(verdict=verdict(met=False))))
    assert run("jobs", "watch", JOB).exit_code == 1
    failure = {"code": "internal", "class": "internal", "retryable": False, "detail": "no."}
    service.on(place, found(job("failed", failure=failure)))
    assert run("jobs", "watch", JOB).exit_code == 1
    service.on(place, found(job("cancelled")))
    assert run("jobs", "watch", JOB).exit_code == 1
    service.on(place, found(job(verdict=verdict(met=None))))
    assert run("jobs", "watch", JOB).exit_code == 0


def test_a_wrong_word_is_2(run: Run) -> None:
    assert run("jobs", "lst").exit_code == 2
    assert run("compress").exit_code == 2
    assert run("models", "push", "nowhere.onnx").exit_code == 2


def test_nobody_there_is_3_and_names_the_address(service: Played, run: Run) -> None:
    service.on("GET /v1/jobs", httpx.ConnectError("Connection refused"))
    ended = run("jobs", "list")
    assert (ended.exit_code, ended.stdout) == (3, "")
    assert "nothing answers at http://lathe.test (Connection refused)" in ended.stderr


def test_a_service_that_fails_is_3_with_the_request_to_look_for(
    service: Played, run: Run
) -> None:
    answer = problem(500, "internal", "a mistake", request_id="req_1", **{"class": "internal"})
    ended = run("jobs", "list") if service.on("GET /v1/jobs", answer) else None
    assert ended is not None
    assert ended.exit_code == 3
    assert ended.stderr == "a mistake\n  request id req_1\n"


def test_a_refusal_is_4_with_every_reason(service: Played, run: Run) -> None:
    reasons = [{"param": "a", "detail": "no a"}, {"param": "b", "detail": "no b"}]
    answer = problem(422, "invalid_spec", "no a", param="pipeline.0", errors=reasons)
    service.on("GET /v1/jobs", answer)
    ended = run("jobs", "list")
    assert ended.exit_code == 4
    assert ended.stderr == "pipeline.0: no a\n  b: no b\n"


def test_a_wrong_key_is_4(service: Played, run: Run) -> None:
    service.on("GET /v1/models", problem(401, "unauthenticated", "this API key is unknown"))
    ended = run("models", "list")
    assert (ended.exit_code, ended.stderr) == (4, "this API key is unknown\n")
    assert run("models", "list", "--key", "no key").exit_code == 4


def test_patience_that_ends_is_5_and_the_job_goes_on(service: Played, run: Run) -> None:
    service.on(f"GET /v1/jobs/{JOB}", found(job("running")))
    ended = run("jobs", "watch", JOB, "--timeout", "0")
    assert ended.exit_code == 5
    assert f"`lathe jobs cancel {JOB}`" in ended.stderr
    assert "has not ended after 0 s" in ended.stderr
    assert not list(service.sent(f"POST /v1/jobs/{JOB}/cancel"))


def test_a_full_disk_is_6(service: Played, run: Run) -> None:
    service.on("GET /v1/jobs", OSError(errno.ENOSPC, "No space left on device", "out/a"))
    ended = run("jobs", "list")
    assert ended.exit_code == 6
    assert ended.stderr.startswith("out/a: the disk is full; free some space")


def test_ctrl_c_while_waiting_is_130_and_says_how_to_go_on(service: Played, run: Run) -> None:
    service.on(f"GET /v1/jobs/{JOB}", found(job("running")), KeyboardInterrupt())
    ended = run("jobs", "watch", JOB)
    assert ended.exit_code == 130
    assert f"{JOB} goes on. Follow it with `lathe jobs watch {JOB}`" in ended.stderr
