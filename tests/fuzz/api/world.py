"""What requests can hit: a model, a data set, a finished job with its files, a webhook with a
delivery, an upload, keys. Made through the service itself, with its worker; the worker is gone
before the first case, so nothing that cases make is ever worked on."""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import httpx
import numpy as np
import onnx

from benchmarks.api.server import serving
from examples.service import embedded
from lathe.client import Client
from lathe.ids import new
from lathe.states import JobState
from stacks.postgres import Postgres
from stand import SHAPE, answers, net

_TUS = {"Tus-Resumable": "1.0.0"}
_ROOM = {"LATHE_MAX_WEBHOOKS": "1000", "LATHE_MAX_OPEN_UPLOADS": "10000"}  # else all is 409
_URL = "https://example.org/lathe"
_ONCE = {
    "delete_dataset",
    "delete_job",
    "delete_model",
    "delete_project",
    "delete_webhook",
    "end_upload",
    "revoke_key",
    "rotate_key",
}
_UPLOADED = 8  # bytes that an upload of ours announces


@dataclass
class World:
    """A running service and the ids of what it holds."""

    url: str
    log: Path
    keys: dict[str, str]
    ids: dict[str, str]
    api: httpx.Client

    @property
    def spec(self) -> dict[str, Any]:
        """A job that could be run."""
        return _spec(self.ids)

    def cursor(self, path: str) -> str:
        """Of the second page of this list, of a list that has one."""
        found = self.api.get(path, params={"limit": 1})
        return str(found.is_success and found.json()["next_cursor"])

    def path(self, operation: str, names: list[str]) -> dict[str, str]:
        """Ids of things that are there; what the operation ends is made for it first."""
        if operation in _ONCE:
            (name,) = names
            return {name: self._made(name)}
        return {name: self.ids[name] for name in names}

    def upload(self, *, whole: bool = False) -> str:
        """A resumable upload that has just begun, or has all its bytes."""
        begun = self.api.post(
            "/v1/uploads", headers={**_TUS, "Upload-Length": f"{_UPLOADED}"}
        ).raise_for_status()
        if whole:
            kind = {"Content-Type": "application/offset+octet-stream", "Upload-Offset": "0"}
            self.api.patch(
                begun.headers["Location"],
                content=secrets.token_bytes(_UPLOADED),
                headers={**_TUS, **kind},
            ).raise_for_status()
        return str(begun.json()["id"])

    def _made(self, name: str) -> str:
        match name:
            case "upload_id":
                return self.upload()
            case "key_id":
                made = self.api.post("/v1/keys", json={"name": "short-lived"})
            case "project_id":
                made = self.api.post("/v1/projects", json={"name": new("any")})
            case "job_id":
                made = self.api.post("/v1/jobs", json=self.spec).raise_for_status()
                self.api.post(f"/v1/jobs/{made.json()['id']}/cancel").raise_for_status()
            case "webhook_id":
                made = self.api.post("/v1/webhooks", json={"url": _URL})
            case "model_id" | "dataset_id":
                body = secrets.token_bytes(16)
                made = self.api.post(f"/v1/{name.removesuffix('_id')}s", content=body)
            case _:
                raise RuntimeError(f"nothing makes a {name}")
        return str(made.raise_for_status().json()["id"])


@contextmanager
def world(database: str) -> Iterator[World]:
    """A service on a new database of this kind, filled; all of it is gone at the end."""
    with ExitStack() as ends:
        folder = Path(mkdtemp(prefix="lathe-fuzz-api-"))
        ends.callback(shutil.rmtree, folder)
        data = folder / "data"
        settings = {"LATHE_DATABASE_URL": f"sqlite:///{data / 'lathe.db'}", **_ROOM}
        if database == "postgresql":
            server = Postgres()
            ends.callback(server.end)
            server.begin()
            settings["LATHE_DATABASE_URL"] = server.url()
        with embedded(data, environment=settings) as service:
            ids, key = _filled(service.url, service.key, folder), service.key
        settings |= {
            "LATHE_OBJECTS_URL": f"file://{data / 'objects'}",
            "LATHE_BROKER_URL": f"redis+socket://{folder / 'none'}",
            "LATHE_WORK_DIR": str(folder / "work"),
        }
        core = max(os.sched_getaffinity(0))
        running = ends.enter_context(serving("app.main:app", core, folder, settings))
        yield ends.enter_context(_seen(running.url, running.log, key, ids))


@contextmanager
def _seen(url: str, log: Path, key: str, ids: dict[str, str]) -> Iterator[World]:
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=30) as api:
        seen = World(url, log, {"admin": key}, ids, api)
        reader = api.post("/v1/keys", json={"name": "reader", "scopes": ["read"]})
        other = api.post("/v1/projects", json={"name": "somebody else"})
        seen.keys["reader"] = reader.raise_for_status().json()["key"]
        seen.keys["foreign"] = other.raise_for_status().json()["key"]["key"]
        ids["upload_id"] = seen.upload()
        yield seen


def _filled(url: str, key: str, folder: Path) -> dict[str, str]:
    rng = np.random.default_rng(2)
    model = net(rng)
    onnx.save(model, folder / "net.onnx")
    arrays: dict[str, Any] = {}
    for split, count in (("train", 64), ("test", 64)):
        x = rng.standard_normal((count, *SHAPE)).astype(np.float32)
        arrays |= {f"{split}/x": x, f"{split}/label": answers(model, x)}
    np.savez(folder / "data.npz", **arrays)
    with Client(url, key) as lathe, httpx.Client(base_url=url, trust_env=False) as api:
        api.headers["Authorization"] = f"Bearer {key}"
        hook = api.post("/v1/webhooks", json={"url": _URL}).raise_for_status().json()["id"]
        told = api.post(f"/v1/webhooks/{hook}/test").raise_for_status().json()["id"]
        ids = {
            "model_id": lathe.upload_model(folder / "net.onnx").id,
            "dataset_id": lathe.upload_dataset(folder / "data.npz").id,
            "webhook_id": hook,
            "delivery_id": told,
            "key_id": new("key"),
            "project_id": new("prj"),
        }
        job = lathe.wait(lathe.submit(_spec(ids)).id)
        if job.state is not JobState.SUCCEEDED:
            raise RuntimeError(f"the job that cases are to read has {job.state}: {job.failure}")
        files = lathe.artifacts(job.id)
        return {**ids, "job_id": job.id, "artifact_id": files[0].id}


def _spec(ids: dict[str, str]) -> dict[str, Any]:
    return {
        "model": ids["model_id"],
        "data": {"evaluation": {"dataset": ids["dataset_id"], "split": "test"}},
        "task": {"kind": "classification"},
        "pipeline": [{"technique": "quantize.weights"}],
        "benchmark": {"runs": 10},
    }
