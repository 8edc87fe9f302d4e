"""A small client of the HTTP API: upload, submit, follow, download.

    with Client("http://127.0.0.1:8000", key) as lathe:
        model = lathe.upload_model(Path("net.onnx"))
        job = lathe.wait(lathe.submit({"model": model.id, "pipeline": [...]}).id)
        lathe.download(lathe.artifacts(job.id)[0], Path("out"))

Every refusal of the service is raised as its class of `lathe.errors`.
"""

import hashlib
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from lathe import errors
from lathe.facts import Transform
from lathe.job import JobSpec
from lathe.layout import Layout
from lathe.report import Report
from lathe.spec import Fact
from lathe.states import UploadState
from lathe.views import ArtifactView, DatasetView, JobView, ModelView, Page, Problem

CHUNK_BYTES = 1 << 20
POLL_S = 2

Shown = TypeVar("Shown", bound=Fact)


class Client:
    """One connection pool to one service, as one API key."""

    def __init__(
        self, url: str, key: str, *, transport: httpx.BaseTransport | None = None
    ) -> None:
        self._http = httpx.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {key}"},
            timeout=httpx.Timeout(90, connect=10),
            transport=transport,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.close()

    def upload_model(self, path: Path, *, name: str | None = None) -> ModelView:
        """Stream a model file up and wait for its inspection; raises what rejected it."""
        query: dict[str, str | int] = {"name": name or path.name, "wait": 30}
        view = self._uploaded(ModelView, "/v1/models", path, query)
        while view.state is UploadState.PENDING:
            time.sleep(0.2)
            view = self.model(view.id)
        return self._accepted(view, view.failure)

    def upload_dataset(
        self,
        path: Path,
        *,
        name: str | None = None,
        transforms: dict[str, Transform] | None = None,
        layout: Layout | None = None,
    ) -> DatasetView:
        """Stream a data set up and wait for its inspection; raises what rejected it."""
        query: dict[str, str | int] = {"name": name or path.name, "wait": 30}
        if transforms:
            dumped = {field: t.model_dump(mode="json") for field, t in transforms.items()}
            query["transforms"] = json.dumps(dumped)
        if layout:
            query["layout"] = layout.model_dump_json(exclude_defaults=True)
        view = self._uploaded(DatasetView, "/v1/datasets", path, query)
        while view.state is UploadState.PENDING:
            time.sleep(0.2)
            view = self.dataset(view.id)
        return self._accepted(view, view.failure)

    def model(self, model_id: str) -> ModelView:
        """One model as it stands."""
        return self._get(ModelView, f"/v1/models/{model_id}")

    def dataset(self, dataset_id: str) -> DatasetView:
        """One data set as it stands."""
        return self._get(DatasetView, f"/v1/datasets/{dataset_id}")

    def submit(
        self, spec: JobSpec | dict[str, Any], *, idempotency_key: str | None = None
    ) -> JobView:
        """Queue a job. The service checks the spec; a bad one raises `InvalidSpec`."""
        body = spec.model_dump(mode="json") if isinstance(spec, JobSpec) else spec
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        answer = self._http.post("/v1/jobs", json=body, headers=headers)
        return JobView.model_validate(_checked(answer).json())

    def job(self, job_id: str, *, wait_s: int = 0) -> JobView:
        """One job; with `wait_s` the service answers when it is finished or the time is up."""
        return self._get(JobView, f"/v1/jobs/{job_id}", {"wait": wait_s} if wait_s else None)

    def wait(
        self,
        job_id: str,
        *,
        timeout_s: float | None = None,
        seen: Callable[[JobView], None] | None = None,
    ) -> JobView:
        """Poll until the job is finished; raises TimeoutError after `timeout_s`, which ends
        the waiting only: the job goes on."""
        started = time.monotonic()
        while True:
            job = self.job(job_id, wait_s=POLL_S)
            if seen:
                seen(job)
            if job.state.finished:
                return job
            if timeout_s is not None and time.monotonic() - started > timeout_s:
                raise TimeoutError(f"{job_id} is still {job.state} after {timeout_s:g} s")

    def cancel(self, job_id: str) -> JobView:
        """Ask for the job's end."""
        answer = self._http.post(f"/v1/jobs/{job_id}/cancel")
        return JobView.model_validate(_checked(answer).json())

    def report(self, job_id: str) -> Report:
        """The measured proof of a finished job."""
        return self._get(Report, f"/v1/jobs/{job_id}/report")

    def artifacts(self, job_id: str) -> list[ArtifactView]:
        """Every file the job made."""
        return list(self._pages(ArtifactView, f"/v1/jobs/{job_id}/artifacts"))

    def download(self, artifact: ArtifactView, folder: Path) -> Path:
        """Fetch one artifact into `folder`; it appears under its name only when whole and its
        sha256 is right."""
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file:
            partial = Path(file.name)
        try:
            sha256 = self._fetch(f"/v1/artifacts/{artifact.id}/content", partial)
            if sha256 != artifact.sha256:
                detail = f"{artifact.name} arrived damaged; download it again"
                raise errors.Unavailable(detail)
            partial.chmod(0o644)
            return partial.replace(folder / Path(artifact.name).name)
        finally:
            partial.unlink(missing_ok=True)

    def _fetch(self, route: str, path: Path) -> str:
        digest = hashlib.sha256()
        with self._http.stream("GET", route) as answer, path.open("wb") as file:
            if answer.is_error:
                answer.read()
            for chunk in _checked(answer).iter_bytes(CHUNK_BYTES):
                digest.update(chunk)
                file.write(chunk)
        return digest.hexdigest()

    def _uploaded(
        self, view: type[Shown], route: str, path: Path, query: dict[str, str | int]
    ) -> Shown:
        size_bytes = path.stat().st_size
        answer = self._http.post(
            route,
            params=query,
            content=_chunks(path),
            headers={
                "Content-Type": "application/octet-stream",
                "Content-Length": str(size_bytes),
            },
        )
        return view.model_validate(_checked(answer).json())

    def _accepted(self, view: Shown, failure: errors.Failure | None) -> Shown:
        if failure is not None:
            raise _refusal(failure.code, failure.detail, failure.param)
        return view

    def _get(self, view: type[Shown], route: str, query: dict[str, int] | None = None) -> Shown:
        return view.model_validate(_checked(self._http.get(route, params=query)).json())

    def _pages(self, view: type[Shown], route: str) -> Iterator[Shown]:
        query: dict[str, str] = {}
        while True:
            answer = _checked(self._http.get(route, params=query))
            page = Page[Any].model_validate(answer.json())
            yield from (view.model_validate(item) for item in page.items)
            if page.next_cursor is None:
                return
            query = {"cursor": page.next_cursor}


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk


def _checked(answer: httpx.Response) -> httpx.Response:
    if not answer.is_error:
        return answer
    if "problem+json" not in answer.headers.get("content-type", ""):
        raise errors.Unavailable(f"the service answered {answer.status_code} without a reason")
    problem = Problem.model_validate_json(answer.content)
    raise _refusal(problem.code, problem.detail, problem.param)


def _refusal(code: str, detail: str, param: str | None) -> errors.Refused:
    try:
        kind = errors.named(code)
    except KeyError:  # a newer service may know more codes than this client
        kind = errors.Refused
    return kind(detail, param=param)
