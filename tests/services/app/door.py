"""The service as a process of its own, before servers that can be hurt."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parents[3]
READY_WITHIN_S = 30.0


@dataclass(frozen=True)
class Answer:
    """What came back, and after how long."""

    status: int
    body: dict[str, object]
    headers: Mapping[str, str]
    seconds: float


class Door:
    """A running API and one key for it."""

    def __init__(self, url: str, key: str, log: Path) -> None:
        self.url, self.log = url, log
        self.headers = {"Authorization": f"Bearer {key}"}
        self._client = httpx.Client(
            base_url=url,
            headers={**self.headers, "Connection": "close"},
            timeout=30,
            trust_env=False,
        )

    def ask(self, method: str, path: str, **more: object) -> Answer:
        """One request on a connection of its own."""
        began_s = time.monotonic()
        answer = self._client.request(method, path, **more)  # type: ignore[arg-type]
        is_json = "json" in answer.headers.get("content-type", "")
        return Answer(
            answer.status_code,
            answer.json() if is_json else {},
            answer.headers,
            time.monotonic() - began_s,
        )

    def ask_all(self, asked: dict[str, Callable[[], Answer]]) -> dict[str, Answer]:
        """Several at once, by name."""
        with ThreadPoolExecutor(len(asked)) as threads:
            running = {name: threads.submit(call) for name, call in asked.items()}
            return {name: each.result() for name, each in running.items()}

    def close(self) -> None:
        """Drop the client's connections."""
        self._client.close()

    def ready(self) -> None:
        """Wait until every part is well."""
        deadline = time.monotonic() + READY_WITHIN_S
        while (said := self.ask("GET", "/readyz").body)["status"] != "ready":
            assert time.monotonic() < deadline, said
            time.sleep(0.1)


@contextmanager
def door(environment: dict[str, str], key: str, log: Path) -> Iterator[Door]:
    """Start the API on a free port; SIGKILL at the end."""
    with socket.create_server(("127.0.0.1", 0)) as listening, log.open("ab") as out:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        process = subprocess.Popen(
            [sys.executable, "-m", "app.serve", "--fd", f"{listening.fileno()}"],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            pass_fds=(listening.fileno(),),
        )
    try:
        _await(url, process, log)
        with closing(Door(url, key, log)) as opened:
            yield opened
    finally:
        process.kill()
        process.wait()


def _await(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while True:
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        try:
            if httpx.get(f"{url}/healthz", trust_env=False, timeout=5).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.05)
