"""The service as somebody with a key sees it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx


@dataclass(frozen=True)
class Door:
    """A project's key on the running service, and the service's data folder."""

    http: httpx.Client
    url: str
    key: str
    data: Path

    @property
    def address(self) -> tuple[str, int]:
        """Host and port, for those who do not speak HTTP as they should."""
        host, _, port = self.url.removeprefix("http://").partition(":")
        return host, int(port)

    def sent(self, kind: str, content: bytes, **query: str) -> dict[str, Any]:
        """The view of an upload, once its inspection is over."""
        answer = self.http.post(f"/v1/{kind}", params={"wait": 30, **query}, content=content)
        assert answer.status_code == 201, answer.text
        view: dict[str, Any] = answer.json()
        deadline = time.monotonic() + 180
        while view["state"] == "pending":
            assert time.monotonic() < deadline, view
            view = self.http.get(f"/v1/{kind}/{view['id']}?wait=30").json()
        return view

    def ready(self, kind: str, content: bytes, **query: str) -> str:
        """The id of an honest upload."""
        view = self.sent(kind, content, **query)
        assert view["state"] == "ready", view["failure"]
        upload_id: str = view["id"]
        return upload_id

    def rejected(self, kind: str, content: bytes, code: str, told: str) -> dict[str, Any]:
        """The view of an upload that is rejected by this code, with these words."""
        view = self.sent(kind, content)
        assert view["state"] == "rejected", view
        assert view["failure"]["code"] == code, view["failure"]
        assert told in view["failure"]["detail"], view["failure"]
        return view

    def settled(self, spec: dict[str, Any]) -> dict[str, Any]:
        """The job of this spec, once it is over."""
        answer = self.http.post("/v1/jobs", json=spec)
        assert answer.status_code == 202, answer.text
        job: dict[str, Any] = answer.json()
        deadline = time.monotonic() + 120
        while job["state"] in {"queued", "running"}:
            assert time.monotonic() < deadline, job
            job = self.http.get(f"/v1/jobs/{job['id']}?wait=30").json()
        return job


@contextmanager
def entered(url: str, key: str, data: Path) -> Iterator[Door]:
    """The service at `url` with this key."""
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=url, headers=headers, timeout=90, trust_env=False) as http:
        yield Door(http, url, key, data)


def problem(answer: httpx.Response, status: int, code: str, param: str | None = None) -> str:
    """The detail of an answer, after checking that it is this problem about this field."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    body = answer.json()
    assert (answer.status_code, body["code"], body["param"]) == (status, code, param), body
    detail: str = body["detail"]
    assert detail
    return detail
