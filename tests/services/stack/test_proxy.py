"""The real nginx with our configuration, where it is installed, before a small ASGI app."""

import asyncio
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from stacks.children import free_ports
from tests.unit.stack.chart import of_kind, rendered

COMPOSE = Path(__file__).resolve().parents[3] / "deploy/nginx/nginx.conf"
PIECE = b"x" * 100_000


class Upstream:
    """Tells when an upload's first bytes came, and sends two events, the second when it may."""

    def __init__(self) -> None:
        self.began, self.go_on = threading.Event(), threading.Event()

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        if scope["path"].endswith("/events"):
            await self._events(send)
            return
        size_bytes, more = 0, True
        while more:
            message = await receive()
            size_bytes, more = size_bytes + len(message["body"]), message["more_body"]
            self.began.set()
        await _answer(send, f"{size_bytes}".encode())

    async def _events(self, send: Any) -> None:
        await _answer(send, b"data: 1\n\n", more_body=True)
        await asyncio.to_thread(self.go_on.wait, 10)
        await send({"type": "http.response.body", "body": b"data: 2\n\n"})


async def _answer(send: Any, body: bytes, *, more_body: bool = False) -> None:
    headers = [(b"content-type", b"text/event-stream")]
    start = {"type": "http.response.start", "status": 200, "headers": headers}
    await send(start)
    message = {"type": "http.response.body", "body": body, "more_body": more_body}
    await send(message)


def of_compose() -> tuple[str, str]:
    """The configuration, and how it names the API."""
    return COMPOSE.read_text(), "server api:8000 resolve;"


def of_the_chart() -> tuple[str, str]:
    conf = of_kind(rendered({}), "ConfigMap")["lathe-proxy"]["data"]["nginx.conf"]
    return conf, "server lathe-api.prod.svc:8000;"


@pytest.fixture(params=[of_compose, of_the_chart])
def proxy(
    tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[tuple[str, Upstream, uvicorn.Server]]:
    program = shutil.which("nginx")
    if program is None:
        pytest.skip("nginx is not installed here")
    with free_ports(2) as (behind, before):
        pass
    text, api = request.param()
    for ours, here in (
        (api, f"server 127.0.0.1:{behind};"),
        ("listen 8080;", f"listen 127.0.0.1:{before};"),
        ("        keepalive_timeout 60s;\n", ""),  # newer than some distributions' nginx
        ("/tmp/", f"{tmp_path}/"),
        ("/etc/nginx/mime.types", f"{tmp_path}/mime.types"),  # nginx may be unpacked anywhere
    ):
        assert ours in text
        text = text.replace(ours, here)
    (tmp_path / "nginx.conf").write_text(text)
    (tmp_path / "mime.types").write_text("types {}\n")
    upstream = Upstream()
    server = uvicorn.Server(uvicorn.Config(upstream, port=behind, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    command = [program, "-c", f"{tmp_path}/nginx.conf", "-g", "daemon off;"]
    nginx = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{before}"
    try:
        _await(url, server)
        yield url, upstream, server
    finally:
        nginx.send_signal(signal.SIGQUIT)
        nginx.wait()
        server.should_exit = True
        thread.join()


def _await(url: str, server: uvicorn.Server) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            if server.started and httpx.get(url, trust_env=False).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    pytest.fail("nginx did not come up")


def test_bytes_pass_at_once_and_an_api_that_is_gone_is_a_problem(
    proxy: tuple[str, Upstream, uvicorn.Server],
) -> None:
    url, upstream, server = proxy
    upstream.began.clear()

    def upload() -> Iterator[bytes]:
        yield PIECE
        assert upstream.began.wait(10), "held back until the upload is whole"
        yield PIECE

    with httpx.Client(base_url=url, trust_env=False) as client:
        assert client.post("/v1/models", content=upload()).text == "200000"
        with client.stream("GET", "/v1/jobs/job_1/events") as events:
            lines = events.iter_lines()
            assert next(lines) == "data: 1"
            upstream.go_on.set()
            assert [line for line in lines if line] == ["data: 2"]
        assert client.get("/metrics").status_code == 404
        server.should_exit = True
        while server.started and server.servers and server.servers[0].is_serving():
            time.sleep(0.05)
        away = client.post("/v1/jobs", content=b"{}")
    assert (away.status_code, away.headers["retry-after"]) == (503, "5")
    assert away.headers["content-type"] == "application/problem+json"
    assert away.json()["code"] == "unavailable"
