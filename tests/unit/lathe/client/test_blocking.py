"""The client against a service that is played by a function: no socket is opened."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from lathe import errors, ids
from lathe.client import Client
from lathe.views import ArtifactView

NOW = "2026-01-02T03:04:05Z"
Answer = Callable[[httpx.Request], httpx.Response]


def talking_to(answer: Answer) -> Client:
    return Client("http://lathe.test", "lt_key", transport=httpx.MockTransport(answer))


def model(state: str, failure: dict[str, object] | None = None) -> dict[str, object]:
    view = {"id": ids.new("mdl"), "name": "net", "state": state, "size_bytes": 3}
    return {**view, "sha256": "00", "created_at": NOW, "failure": failure}


def artifact(content: bytes) -> ArtifactView:
    return ArtifactView(
        id=ids.new("art"),
        job=ids.new("job"),
        kind="onnx",
        name="small.onnx",
        candidate=None,
        size_bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        media_type="application/onnx",
        created_at=NOW,
    )


def test_an_upload_streams_the_files_bytes_under_the_key(tmp_path: Path) -> None:
    file = tmp_path / "net.onnx"
    file.write_bytes(b"abc")
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        assert request.read() == b"abc"
        return httpx.Response(201, json=model("ready"))

    with talking_to(answer) as lathe:
        assert lathe.upload_model(file).state == "ready"
    assert seen[0].url.params["name"] == "net.onnx"
    assert seen[0].headers["authorization"] == "Bearer lt_key"
    assert seen[0].headers["content-length"] == "3"


def test_a_rejected_model_raises_what_inspection_said(tmp_path: Path) -> None:
    file = tmp_path / "net.onnx"
    file.write_bytes(b"abc")
    failure = errors.NotAModel("this is a JPEG; upload ONNX").failure().model_dump(mode="json")
    with (
        talking_to(lambda _: httpx.Response(201, json=model("rejected", failure))) as lathe,
        pytest.raises(errors.NotAModel, match="this is a JPEG"),
    ):
        lathe.upload_model(file)


def test_a_problem_is_raised_as_its_class_with_its_field() -> None:
    problem = {
        "type": "about:blank",
        "title": "x",
        "status": 422,
        "detail": "the model has no layer 'fc'; it has 'fc1'",
        "instance": "/v1/jobs",
        "code": "unknown_layer",
        "class": "invalid_request",
        "retryable": False,
        "param": "pipeline.0.protect.0",
    }

    def answer(_: httpx.Request) -> httpx.Response:
        headers = {"content-type": "application/problem+json"}
        return httpx.Response(422, content=json.dumps(problem), headers=headers)

    with talking_to(answer) as lathe, pytest.raises(errors.UnknownLayer) as refused:
        lathe.submit({})
    assert refused.value.param == "pipeline.0.protect.0"


def test_an_answer_that_is_no_problem_is_a_broken_service() -> None:
    answer = httpx.Response(502, text="<html>bad gateway</html>")
    with (
        talking_to(lambda _: answer) as lathe,
        pytest.raises(errors.Unavailable, match="answered 502"),
    ):
        lathe.job(ids.new("job"))


def test_a_download_appears_whole_under_its_name(tmp_path: Path) -> None:
    with talking_to(lambda _: httpx.Response(200, content=b"weights")) as lathe:
        path = lathe.download(artifact(b"weights"), tmp_path / "out")
    assert path.read_bytes() == b"weights"
    assert [p.name for p in path.parent.iterdir()] == ["small.onnx"]


def test_a_damaged_download_leaves_nothing_behind(tmp_path: Path) -> None:
    with (
        talking_to(lambda _: httpx.Response(200, content=b"weighty")) as lathe,
        pytest.raises(errors.Unavailable, match="arrived damaged"),
    ):
        lathe.download(artifact(b"weights"), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_pages_of_artifacts_are_followed_to_the_last() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        first = "cursor" not in request.url.params
        item = artifact(b"a" if first else b"bc").model_dump(mode="json")
        return httpx.Response(
            200, json={"items": [item], "next_cursor": "c1" if first else None}
        )

    with talking_to(answer) as lathe:
        assert [a.size_bytes for a in lathe.artifacts(ids.new("job"))] == [1, 2]
