"""The one service that all of these tests talk to, and what it answers."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx


@dataclass(frozen=True)
class Stand:
    """The running service, its data folder, and a few good things in it."""

    http: httpx.Client
    url: str
    key: str
    data: Path

    def uploaded(self, kind: str, content: bytes, **query: str) -> dict[str, Any]:
        answer = self.http.post(f"/v1/{kind}", params={"wait": 30, **query}, content=content)
        assert answer.status_code == 201, answer.text
        view: dict[str, Any] = answer.json()
        return view

    def ready(self, kind: str, content: bytes) -> str:
        view = self.uploaded(kind, content)
        assert view["state"] == "ready", view["failure"]
        upload_id: str = view["id"]
        return upload_id

    def finished(self, spec: dict[str, Any]) -> dict[str, Any]:
        job = self.http.post("/v1/jobs", json=spec)
        assert job.status_code == 202, job.text
        return self.settled(job.json()["id"])

    def settled(self, job_id: str) -> dict[str, Any]:
        """The job, once it is finished."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            job: dict[str, Any] = self.http.get(f"/v1/jobs/{job_id}?wait=30").json()
            if job["state"] not in {"queued", "running"}:
                return job
        raise AssertionError(f"{job_id} is still {job['state']}")

    def objects(self) -> set[Path]:
        return {path for path in (self.data / "objects").rglob("*") if path.is_file()}

    def written(self) -> tuple[object, ...]:
        """All that a request may leave behind: rows that lists show, and objects."""
        lists = [
            self.http.get(f"/v1/{name}?limit=3").json()
            for name in ("models", "datasets", "jobs")
        ]
        newest = [[item["id"] for item in page["items"]] for page in lists]
        return newest, self.objects()


def problem(answer: httpx.Response, status: int, code: str, told: str) -> dict[str, Any]:
    """The answer as a problem, after checking that it is this one."""
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert (answer.status_code, body["status"], body["code"]) == (status, status, code), body
    assert told in body["detail"]
    assert body["request_id"] == answer.headers["x-request-id"]
    return body
