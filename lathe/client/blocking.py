"""The client that blocks."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from lathe.client import door
from lathe.client.answers import trouble
from lathe.client.calls import catalogue, downloads, jobs, projects, uploads, webhooks
from lathe.client.talk import Ask, FilePart, Pause, Result, Talk, Told
from lathe.errors import UserError
from lathe.events import DeliveryState
from lathe.facts import Transform
from lathe.job import JobSpec
from lathe.layout import Layout
from lathe.report import Report
from lathe.states import JobKind, JobState
from lathe.usage import UsageView
from lathe.views import (
    ArtifactView,
    AuditView,
    DatasetView,
    DeliveryView,
    EventView,
    JobView,
    KeyView,
    ModelView,
    NewKeyView,
    NewWebhookView,
    PlanView,
    ProjectView,
    RecipeView,
    TechniqueView,
    WebhookView,
)

CHUNK_BYTES = 1 << 20


class Client:
    """One connection pool to one service, as one API key.

    `timeout_s` is how long one answer may take; `pausing` is told of each pause before a
    request is repeated.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        timeout_s: float = door.TIMEOUT_S,
        pausing: Callable[[Pause], None] | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._url = url
        self._pausing = pausing
        self._met = False
        self._http = httpx.Client(**door.options(url, key, timeout_s), transport=transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def upload_model(
        self, path: Path, *, name: str | None = None, told: Told | None = None
    ) -> ModelView:
        """Send a model up and wait for its inspection; raises what rejected it.

        A large file goes on where it was cut, in this call, or in the next one with the same
        file, whatever ended this one; `told` is called with the bytes so far and in all.
        """
        return self._run(uploads.upload_model(self._url, path, name, told))

    def upload_dataset(
        self,
        path: Path,
        *,
        name: str | None = None,
        transforms: Mapping[str, Transform] | None = None,
        layout: Layout | None = None,
        told: Told | None = None,
    ) -> DatasetView:
        """As `upload_model`, for a data set."""
        return self._run(
            uploads.upload_dataset(self._url, path, name, transforms, layout, told)
        )

    def fetch_model(
        self,
        source: str,
        *,
        name: str | None = None,
        sha256: str | None = None,
        told: Told | None = None,
    ) -> ModelView:
        """Let the service fetch a model from https://... or s3://..., and wait for its
        inspection; raises what rejected it, or why it did not come.

        `told` is called with the bytes so far and in all, which are 0 while nobody knows.
        """
        reference = {"source": source, "sha256": sha256, "name": name}
        return self._run(uploads.fetch_model(reference, told))

    def fetch_dataset(
        self,
        source: str,
        *,
        name: str | None = None,
        sha256: str | None = None,
        transforms: Mapping[str, Transform] | None = None,
        layout: Layout | None = None,
        told: Told | None = None,
    ) -> DatasetView:
        """As `fetch_model`, for a data set."""
        reference = {"source": source, "sha256": sha256, "name": name}
        return self._run(uploads.fetch_dataset(reference, transforms, layout, told))

    def model(self, model_id: str) -> ModelView:
        """One model as it stands."""
        return self._run(uploads.model(model_id))

    def models(self, *, limit: int | None = None) -> list[ModelView]:
        """The project's models, newest first."""
        return self._run(uploads.models(limit))

    def delete_model(self, model_id: str) -> None:
        """Delete a model; what finished jobs made of it stays."""
        self._run(uploads.delete(f"/v1/models/{model_id}"))

    def dataset(self, dataset_id: str) -> DatasetView:
        """One data set as it stands."""
        return self._run(uploads.dataset(dataset_id))

    def datasets(self, *, limit: int | None = None) -> list[DatasetView]:
        """The project's data sets, newest first."""
        return self._run(uploads.datasets(limit))

    def delete_dataset(self, dataset_id: str) -> None:
        """Delete a data set; jobs that have finished stay."""
        self._run(uploads.delete(f"/v1/datasets/{dataset_id}"))

    def submit(
        self, spec: JobSpec | Mapping[str, Any], *, idempotency_key: str | None = None
    ) -> JobView:
        """Queue a job. The service checks the spec; a bad one raises `InvalidSpec`."""
        return self._run(jobs.submit(spec, idempotency_key))

    def validate(self, spec: JobSpec | Mapping[str, Any]) -> PlanView:
        """What a job would do, or everything that is wrong with its spec; queues nothing."""
        return self._run(jobs.validate(spec))

    def job(self, job_id: str, *, wait_s: int = 0) -> JobView:
        """One job; with `wait_s` the service answers when it is finished or the time is up."""
        return self._run(jobs.job(job_id, wait_s))

    def jobs(
        self,
        *,
        states: Sequence[JobState] = (),
        kind: JobKind | None = None,
        model: str | None = None,
        labels: Mapping[str, str] | None = None,
        limit: int | None = None,
    ) -> list[JobView]:
        """The project's jobs, newest first: in any of `states`, with all of `labels`."""
        return self._run(jobs.jobs(states, kind, model, labels or {}, limit))

    def wait(
        self,
        job_id: str,
        *,
        timeout_s: float | None = None,
        seen: Callable[[JobView], None] | None = None,
    ) -> JobView:
        """Poll until the job is finished; raises Timeout after `timeout_s`, which ends the
        waiting only: the job goes on, under its own time limit."""
        return self._run(jobs.wait(job_id, timeout_s, seen))

    def cancel(self, job_id: str) -> JobView:
        """Ask for the job's end."""
        return self._run(jobs.cancel(job_id))

    def retry(self, job_id: str) -> JobView:
        """Queue a finished job's spec as a new job; steps that were done are not redone."""
        return self._run(jobs.retry(job_id))

    def events(self, job_id: str, *, after: int = 0) -> list[EventView]:
        """What was noted about a job so far, behind number `after`, oldest first."""
        return self._run(jobs.events(job_id, after))

    def report(self, job_id: str) -> Report:
        """The measured proof of a finished job."""
        return self._run(jobs.report(job_id))

    def artifacts(self, job_id: str) -> list[ArtifactView]:
        """Every file that the job made."""
        return self._run(jobs.artifacts(job_id))

    def download(
        self, artifact: ArtifactView, folder: Path, *, told: Told | None = None
    ) -> Path:
        """Fetch one artifact into `folder`; it appears under its name only when whole and its
        sha256 is right. After a cut the same call goes on where it was."""
        return self._run(downloads.download(artifact, folder, told))

    def techniques(self) -> list[TechniqueView]:
        """What the steps of a pipeline may be."""
        return self._run(catalogue.techniques())

    def recipes(self) -> list[RecipeView]:
        """The pipelines that have a name."""
        return self._run(catalogue.recipes())

    def projects(self) -> list[ProjectView]:
        """The project of this key; takes an admin key."""
        return self._run(projects.projects())

    def delete_project(self, project_id: str, *, cancel_jobs: bool = False) -> None:
        """Delete the key's own project with everything that it has, this key, too: it cannot
        be brought back. Takes an admin key; `cancel_jobs` ends what is unfinished first."""
        self._run(projects.delete(project_id, cancel_jobs=cancel_jobs))

    def usage(self) -> UsageView:
        """What the project stores and runs, and its limits."""
        return self._run(catalogue.usage())

    def keys(self) -> list[KeyView]:
        """The project's API keys, without their secrets; takes an admin key."""
        return self._run(catalogue.keys())

    def create_key(
        self,
        name: str,
        *,
        scopes: Sequence[str] | None = None,
        expires_at: datetime | None = None,
    ) -> NewKeyView:
        """Make a key that may read and write, or what `scopes` says; its secret is in this
        answer only."""
        return self._run(catalogue.create_key(name, scopes, expires_at))

    def rotate_key(self, key_id: str, *, grace_s: int = 86_400) -> NewKeyView:
        """Make a key that takes this one's place, which ends in `grace_s`, or at once for 0;
        the new secret is in this answer only."""
        return self._run(catalogue.rotate_key(key_id, grace_s))

    def revoke_key(self, key_id: str) -> None:
        """Revoke a key for ever."""
        self._run(catalogue.revoke_key(key_id))

    def audit(
        self,
        *,
        action: str | None = None,
        target: str | None = None,
        key: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int | None = None,
    ) -> list[AuditView]:
        """Who changed what, newest first; takes an admin key. `action` is one, such as
        `job.submit`, or all of a kind, such as `job`; `key` is the id of one key."""
        return self._run(catalogue.audit(action, target, key, since, until, limit))

    def delete_job(self, job_id: str) -> None:
        """Delete a finished job with its files, report and numbers."""
        self._run(uploads.delete(f"/v1/jobs/{job_id}"))

    def webhooks(self) -> list[WebhookView]:
        """The project's webhooks, without their secrets, newest first."""
        return self._run(webhooks.webhooks())

    def webhook(self, webhook_id: str) -> WebhookView:
        """One webhook, without its secret."""
        return self._run(webhooks.webhook(webhook_id))

    def create_webhook(
        self, url: str, *, name: str | None = None, events: Sequence[str] | None = None
    ) -> NewWebhookView:
        """Make an address that is told how jobs end which name it, or of what `events` says;
        the secret that signs its messages is in this answer only."""
        return self._run(webhooks.create(url, name, events))

    def rotate_webhook(self, webhook_id: str, *, grace_s: int = 86_400) -> NewWebhookView:
        """Give a webhook a new secret, which is in this answer only; the old one signs beside
        it for `grace_s`."""
        return self._run(webhooks.rotate(webhook_id, grace_s))

    def delete_webhook(self, webhook_id: str) -> None:
        """Delete a webhook and everything that it was told."""
        self._run(webhooks.delete(webhook_id))

    def enable_webhook(self, webhook_id: str) -> WebhookView:
        """Tell a webhook again that was disabled because it answered 410."""
        return self._run(webhooks.enable(webhook_id))

    def test_webhook(self, webhook_id: str) -> DeliveryView:
        """Send a message of the type `ping`; `deliveries` says how that went."""
        return self._run(webhooks.test(webhook_id))

    def deliveries(
        self, webhook_id: str, *, state: DeliveryState | None = None, limit: int | None = None
    ) -> list[DeliveryView]:
        """What a webhook was and is to be told, newest first."""
        return self._run(webhooks.deliveries(webhook_id, state, limit))

    def redeliver(self, webhook_id: str, delivery_id: str) -> DeliveryView:
        """Send a message again that was delivered or died."""
        return self._run(webhooks.redeliver(webhook_id, delivery_id))

    def _run(self, talk: Talk[Result]) -> Result:
        """Carry out a call."""
        try:
            wish = next(talk)
            while True:
                if isinstance(wish, Pause):
                    self._paused(wish)
                    wish = talk.send(None)
                    continue
                try:
                    answer = self._exchanged(wish)
                except httpx.TransportError as error:
                    told = trouble(error, self._url, met=self._met)
                    told.__cause__ = error
                    wish = talk.throw(told)
                else:
                    self._met = True
                    wish = talk.send(answer)
        except StopIteration as end:
            result: Result = end.value
            return result
        finally:
            talk.close()

    def _paused(self, pause: Pause) -> None:
        if self._pausing:
            self._pausing(pause)
        time.sleep(pause.seconds)

    def _exchanged(self, wish: Ask) -> httpx.Response:
        request = self._http.build_request(
            wish.method,
            wish.path,
            params=wish.query,
            json=wish.json,
            headers=wish.headers,
            content=_chunks(wish.body) if isinstance(wish.body, FilePart) else wish.body,
        )
        answer = self._http.send(request, stream=True)
        try:
            if wish.into is None or answer.is_error:
                answer.read()
            else:
                for chunk in answer.iter_bytes():
                    wish.into(answer, chunk)
        finally:
            answer.close()
        return answer


def _chunks(part: FilePart) -> Iterator[bytes]:
    left = part.size_bytes
    with part.path.open("rb") as file:
        file.seek(part.start)
        while left:
            chunk = file.read(min(left, CHUNK_BYTES))
            if not chunk:
                raise UserError(f"{part.path} became shorter while it was being sent")
            left -= len(chunk)
            yield chunk
            if part.told:
                part.told(len(chunk))
