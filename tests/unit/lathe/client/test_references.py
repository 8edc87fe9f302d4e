"""Files that the service fetches by itself: what is asked, what is told, what is raised."""

import json
from typing import Any

import httpx
import pytest

from lathe import ids
from lathe.client import Client
from lathe.errors import AddressRefused, SourceUnusable

NOW = "2026-01-02T03:04:05Z"
MODEL, JOB = ids.new("mdl"), ids.new("job")
URL = "https://files.example/edge.onnx"


def model(state: str, failure: dict[str, Any] | None = None) -> dict[str, Any]:
    known = {"size_bytes": 900, "sha256": "ab"} if state == "ready" else {}
    return {
        "id": MODEL,
        "name": "edge.onnx",
        "state": state,
        "size_bytes": None,
        "sha256": None,
        "source": URL,
        "inspection_job": JOB,
        "created_at": NOW,
        "failure": failure,
        **known,
    }


def job(received: int | None) -> dict[str, Any]:
    far = {"fraction": 0.1, "current": received, "total": 900, "unit": "bytes"}
    return {
        "id": JOB,
        "kind": "inspect",
        "state": "running",
        "display_state": "running",
        "queue": "intake",
        "priority": 5,
        "attempt": 1,
        "progress": None if received is None else far,
        "created_at": NOW,
        "queued_s": 0,
        "running_s": 0,
    }


def against(*bodies: dict[str, Any]) -> tuple[Client, list[httpx.Request]]:
    asked: list[httpx.Request] = []
    left = iter(bodies)

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json=next(left))

    transport = httpx.MockTransport(answer)
    return Client("http://lathe.test", "lt_key", transport=transport), asked


def test_a_source_is_named_and_followed_until_it_is_ready() -> None:
    told: list[tuple[int, int]] = []
    bodies = [model("pending"), job(None), model("pending"), job(300), model("ready")]
    client, asked = against(*bodies)
    with client as lathe:
        made = lathe.fetch_model(URL, sha256="ab" * 32, told=lambda *far: told.append(far))
    assert made.size_bytes == 900
    assert told == [(300, 900)]
    assert json.loads(asked[0].content) == {"source": URL, "sha256": "ab" * 32}
    assert asked[0].headers["content-type"] == "application/json"
    assert [request.method for request in asked] == ["POST", "GET", "GET", "GET", "GET"]


def test_a_source_that_does_not_come_raises_why() -> None:
    failure = {
        "code": "source_unusable",
        "class": "invalid_request",
        "retryable": False,
        "detail": "files.example answered 404",
    }
    client, _ = against(model("rejected", failure))
    with client as lathe, pytest.raises(SourceUnusable, match="answered 404"):
        lathe.fetch_model(URL)


def test_an_address_that_is_not_reached_raises_at_once() -> None:
    def answer(_request: httpx.Request) -> httpx.Response:
        problem = {
            "type": "x",
            "title": "x",
            "status": 422,
            "detail": "only https:// is reached from here",
            "instance": "/v1/models",
            "code": "address_refused",
            "class": "invalid_request",
            "retryable": False,
            "param": "source",
        }
        headers = {"content-type": "application/problem+json"}
        return httpx.Response(422, headers=headers, content=json.dumps(problem))

    transport = httpx.MockTransport(answer)
    with (
        Client("http://lathe.test", "lt_key", transport=transport) as lathe,
        pytest.raises(AddressRefused) as refused,
    ):
        lathe.fetch_dataset("http://files.example/d.npz")
    assert refused.value.param == "source"
