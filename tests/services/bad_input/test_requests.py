"""Requests that are refused at the door."""

import socket
import time
from typing import Any

import pytest

from tests.services.bad_input.crafted import DYNAMIC, MIB, net
from tests.services.bad_input.stand import Stand, problem
from tests.services.worker.nets import examples

JSON = {"content_type": "application/json"}


def post(path: str, content: bytes = b"", **headers: str) -> dict[str, Any]:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return {"method": "POST", "url": path, "content": content, "headers": sent}


def get(path: str) -> dict[str, Any]:
    return {"method": "GET", "url": path}


REQUESTS: dict[str, tuple[dict[str, Any], int, str, str]] = {
    "an empty body": (post("/v1/models"), 400, "malformed", "is empty"),
    "a form": (
        post("/v1/models", b"--x", content_type="multipart/form-data; boundary=x"),
        400, "malformed", "--data-binary",
    ),
    "a digest that does not fit": (
        post("/v1/models", net(), x_content_sha256="0" * 64), 400, "malformed", "again"
    ),
    "a wrong key": (
        post("/v1/models", net(), authorization="Bearer lt_a_b"), 401, "unauthenticated", "key"
    ),
    "junk JSON": (post("/v1/jobs", b"{oops", **JSON), 400, "malformed", "not JSON"),
    "no text": (post("/v1/jobs", b"\xff\xfe\xfd", **JSON), 400, "malformed", "UTF-8"),
    "deep JSON": (post("/v1/jobs", b"[" * 99_999, **JSON), 400, "malformed", "nested"),
    "no object": (post("/v1/jobs", b"[]", **JSON), 422, "invalid_spec", "JSON object"),
    "no content type": (post("/v1/jobs", b"{}"), 400, "malformed", "application/json"),
    "a spec over the limit": (
        post("/v1/jobs", b'{"name": "%s"}' % (b"a" * MIB), **JSON), 413, "too_large", "1048576"
    ),
    "a transform's unknown field": (
        post('/v1/datasets?transforms={"x":{"scal":1}}', examples(9)),
        422, "invalid_request", "no such field",
    ),
    "a transform that is no number": (
        post('/v1/datasets?transforms={"x":{"scale":NaN}}', examples(9)),
        422, "invalid_request", "finite",
    ),
    "NUL in a name": (post("/v1/models?name=a%00b", net()), 400, "malformed", "NUL"),
    "NUL in a filter": (get("/v1/jobs?label=a%00:b"), 400, "malformed", "NUL"),
    "a quote in a filter": (get("/v1/jobs?label=a%22b:c"), 400, "malformed", "name:value"),
    "a made-up cursor": (get("/v1/models?cursor=x"), 400, "malformed", "start again"),
    "a made-up id": (get("/v1/models/mdl_x"), 404, "not_found", "no such model"),
    "a made-up place": (get("/v2/models"), 404, "not_found", "/v2/models"),
}  # fmt: skip


@pytest.mark.parametrize("what", REQUESTS)
def test_a_bad_request_is_a_problem_and_leaves_nothing(stand: Stand, what: str) -> None:
    request, status, code, told = REQUESTS[what]
    before = stand.written()
    problem(stand.http.request(**request), status, code, told)
    assert stand.written() == before


def spoken(stand: Stand, sent: bytes, *, listen: bool) -> bytes:
    """What the service answers on a bare connection, which is closed without waiting else."""
    host, _, port = stand.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=30) as line:
        line.sendall(sent)
        return line.recv(1 << 16) if listen else b""


def head(stand: Stand, length: int, request_id: str) -> bytes:
    lines = (
        "POST /v1/models HTTP/1.1",
        "Host: lathe",
        f"Authorization: Bearer {stand.key}",
        f"Content-Length: {length}",
        f"X-Request-ID: {request_id}",
    )
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def test_a_length_over_the_limit_is_refused_before_a_byte_is_read(stand: Stand) -> None:
    before = stand.written()
    answer = spoken(stand, head(stand, (8 << 30) + 1, "long"), listen=True)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert stand.written() == before


def test_a_cut_connection_leaves_nothing(stand: Stand) -> None:
    before = stand.written()
    spoken(stand, head(stand, 9 * MIB, "cut-short") + bytes(5 * MIB), listen=False)
    log, deadline = stand.data / "logs" / "api.log", time.monotonic() + 20
    while "cut-short" not in log.read_text():
        assert time.monotonic() < deadline, "the service did not notice"
        time.sleep(0.05)
    assert stand.written() == before


def test_what_belongs_to_another_project_reads_as_missing(stand: Stand, model: str) -> None:
    made = stand.http.post("/v1/projects", json={"name": "rival"}).json()
    theirs = {"Authorization": f"Bearer {made['key']['key']}"}
    before = stand.written()
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/content")):
        answer = stand.http.request(method, f"/v1/models/{model}{path}", headers=theirs)
        problem(answer, 404, "not_found", "no such model")
    spec = {"model": model, "pipeline": [DYNAMIC]}
    answer = stand.http.post("/v1/jobs", json=spec, headers=theirs)
    problem(answer, 404, "not_found", "upload it first")
    assert stand.written() == before
