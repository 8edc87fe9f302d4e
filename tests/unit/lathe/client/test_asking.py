"""What is sent again, after how long, and what never is."""

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from lathe import ids
from lathe.client import (
    Client,
    RateLimited,
    ServiceError,
    Timeout,
    Unreachable,
    UserError,
)
from lathe.client.talk import Pause
from lathe.errors import InvalidRequest, Missing, QuotaReached, Unavailable

Step = httpx.Response | Exception


def playing(steps: Iterator[Step], asked: list[httpx.Request]) -> httpx.MockTransport:
    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        step = next(steps)
        if isinstance(step, Exception):
            raise step
        return step

    return httpx.MockTransport(answer)


def against(
    *steps: Step, told: Callable[[Pause], None] | None = None
) -> tuple[Client, list[httpx.Request]]:
    asked: list[httpx.Request] = []
    transport = playing(iter(steps), asked)
    return Client("http://lathe.test", "lt_k", transport=transport, pausing=told), asked


def none() -> httpx.Response:
    return httpx.Response(200, json=[])


def later(status: int, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, headers=named)


def gone() -> httpx.Response:
    body = {
        "type": "urn:lathe:problem:not_found",
        "title": "t",
        "status": 404,
        "detail": "there is no such job",
        "instance": "/v1/jobs/job_a",
        "code": "not_found",
        "class": "invalid_request",
        "retryable": False,
    }
    return httpx.Response(404, json=body, headers={"content-type": "application/problem+json"})


def test_a_read_is_repeated_after_cuts_silence_and_a_busy_gateway(paused: list[float]) -> None:
    cut, silent = httpx.RemoteProtocolError("cut"), httpx.ReadTimeout("silence")
    lathe, asked = against(cut, silent, later(502), none())
    assert lathe.techniques() == []
    assert len(asked) == 4
    assert 0.125 <= paused[0] <= 0.25 <= paused[1] <= 0.5 < paused[2] == 1.0


def test_retry_after_in_seconds_is_kept_to_and_a_date_is_understood(
    paused: list[float],
) -> None:
    past = "Fri, 02 Jan 2026 03:04:05 GMT"
    reasons: list[str] = []
    lathe, _ = against(
        later(503, Retry_After="7"),
        later(429, Retry_After=past),
        none(),
        told=lambda pause: reasons.append(pause.why),
    )
    lathe.techniques()
    assert paused == [7.0, 0.0]
    assert reasons == ["the service answered 503", "the service answered 429"]


def test_a_service_that_wants_an_hour_is_not_waited_for(paused: list[float]) -> None:
    lathe, asked = against(later(429, Retry_After="3600"))
    with pytest.raises(RateLimited):
        lathe.techniques()
    assert (len(asked), paused) == (1, [])


def test_a_quota_that_no_waiting_frees_is_an_answer(paused: list[float]) -> None:
    problem = QuotaReached("twenty uploads are open").failure().model_dump(mode="json")
    body = {**problem, "type": "x", "title": "x", "status": 429, "instance": "/"}
    media = {"content-type": "application/problem+json"}
    lathe, asked = against(httpx.Response(429, json=body, headers=media))
    with pytest.raises(QuotaReached):
        lathe.techniques()
    assert (len(asked), paused) == (1, [])


def test_the_sixth_failure_is_the_answer(paused: list[float]) -> None:
    lathe, asked = against(*(later(503) for _ in range(6)))
    with pytest.raises(Unavailable, match="answered 503"):
        lathe.techniques()
    assert len(asked) == 6
    assert paused == [0.25, 0.5, 1.0, 2.0, 4.0]


def test_an_upload_whose_connection_is_cut_is_not_sent_twice(tmp_path: Path) -> None:
    (tmp_path / "a.onnx").write_bytes(b"abc")
    lathe, asked = against(httpx.WriteError("reset"))
    with pytest.raises(Unreachable, match="was cut") as error:
        lathe.upload_model(tmp_path / "a.onnx")
    assert error.value.arrived
    assert len(asked) == 1


@pytest.mark.usefixtures("paused")
@pytest.mark.parametrize(
    "lost", [httpx.RemoteProtocolError("cut"), httpx.ReadTimeout("silence"), later(502)]
)
def test_what_is_gone_when_its_deletion_is_repeated_is_deleted(lost: Step) -> None:
    lathe, asked = against(lost, gone())
    lathe.delete_job("job_a")
    assert [request.method for request in asked] == ["DELETE", "DELETE"]


@pytest.mark.usefixtures("paused")
def test_what_never_was_there_is_not_called_deleted() -> None:
    refused, _ = against(gone())
    with pytest.raises(Missing):
        refused.delete_job("job_a")
    unseen, _ = against(later(429), gone())  # nothing was done at first
    with pytest.raises(Missing):
        unseen.delete_job("job_a")
    read, _ = against(httpx.ReadTimeout("silence"), gone())
    with pytest.raises(Missing):
        read.job("job_a")
    elsewhere, _ = against(httpx.ReadTimeout("silence"), later(404))
    with pytest.raises(Missing, match="no Lathe service"):
        elsewhere.delete_job("job_a")


def test_a_job_is_submitted_again_under_the_same_key_and_the_answer_must_be_a_job() -> None:
    lathe, asked = against(httpx.ReadError("reset"), httpx.Response(202, json={"id": "x"}))
    with pytest.raises(ServiceError, match="is it a Lathe service"):
        lathe.submit({})
    keys = {request.headers["idempotency-key"] for request in asked}
    assert (len(asked), len(keys)) == (2, 1)


def test_a_retry_makes_a_job_and_so_is_sent_once() -> None:
    lathe, asked = against(httpx.ReadTimeout("silence"))
    with pytest.raises(Timeout):
        lathe.retry(ids.new("job"))
    assert len(asked) == 1


def test_what_never_answered_is_not_repeated_and_what_once_did_is(paused: list[float]) -> None:
    lathe, asked = against(httpx.ConnectError("refused"))
    with pytest.raises(Unreachable, match=r"nothing answers at http://lathe\.test"):
        lathe.techniques()
    assert (len(asked), paused) == (1, [])
    lathe, asked = against(none(), httpx.ConnectError("refused"), none())
    lathe.techniques()
    lathe.techniques()
    assert len(asked) == 3


def test_another_server_than_a_lathe_service_is_named() -> None:
    lathe, _ = against(httpx.Response(200, text="<html>"))
    with pytest.raises(ServiceError, match="is it a Lathe service"):
        lathe.techniques()


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://lathe", "http://", "", "http://a:b"])
def test_what_is_no_address_is_refused_before_anything_is_asked(url: str) -> None:
    with pytest.raises(InvalidRequest, match="no address") as refused:
        Client(url, "lt_k")
    assert refused.value.param == "url"
    assert isinstance(refused.value, UserError)


@pytest.mark.parametrize("key", ["", "lt_ä", "lt_a b", "lt_\n"])
def test_what_cannot_be_a_key_is_refused_before_anything_is_asked(key: str) -> None:
    with pytest.raises(InvalidRequest, match="API key") as refused:
        Client("http://lathe.test", key)
    assert refused.value.param == "key"
