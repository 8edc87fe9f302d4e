"""From a job spec to a queued job: look up what it names, check that it fits, write it."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth import Caller
from app.fit.check import refusals
from app.fit.known import KnownFacts, named_datasets, named_models
from app.http.problems import SpecRefused
from app.services import Services, hint_later
from app.store import feed, jobs, tenants, uploads, webhooks
from app.store.fleet import Fleet, muster, route
from app.store.quotas.limits import Limits
from app.store.quotas.room import has_gpu_minutes, refused_jobs
from app.store.rows import Dataset, IdempotencyKey, Job, Model, Webhook
from lathe import spec_version
from lathe.errors import (
    Conflict,
    Missing,
    NotADataset,
    NotReady,
    Refused,
    ReusedKey,
    UnsupportedModel,
)
from lathe.facts import DatasetFacts, ModelFacts
from lathe.job import JobSpec
from lathe.states import Queue, UploadState


@dataclass(frozen=True)
class Verdict:
    """Where the job would run, or every reason why it cannot."""

    queue: Queue
    reasons: tuple[Refused, ...]


async def judge(
    session: AsyncSession, project_id: str, spec: JobSpec, limits: Limits, *, hold: bool
) -> Verdict:
    """Check the spec against the models and data sets of the project, and whether its quotas
    leave room; `limits` are those of a project that has none of its own.

    `hold` keeps those rows from being deleted before the session's transaction ends.
    """
    models, datasets = named_models(spec), named_datasets(spec)
    wanted_models = uploads.models_by_id(project_id, set(models.values()))
    wanted_datasets = uploads.datasets_by_id(project_id, set(datasets.values()))
    if hold:
        wanted_models = wanted_models.with_for_update(read=True)
        wanted_datasets = wanted_datasets.with_for_update(read=True)
    model_rows = {row.id: row for row in await session.scalars(wanted_models)}
    dataset_rows = {row.id: row for row in await session.scalars(wanted_datasets)}
    reasons = [
        *(_unusable("model", param, model_rows.get(i)) for param, i in models.items()),
        *(_unusable("data set", param, dataset_rows.get(i)) for param, i in datasets.items()),
        await _untellable(session, project_id, spec),
        *refusals(spec, _known(model_rows.values(), dataset_rows.values())),
    ]
    queue = await _queue(session, project_id, spec, limits)
    reached = await session.run_sync(
        lambda sync: refused_jobs(sync, project_id, limits, queue, holding=hold)
    )
    said = [reason for reason in (*reasons, *reached) if reason is not None]
    said.sort(key=lambda reason: reason.retryable)  # waiting helps only when nothing else is
    return Verdict(queue, tuple(said))


async def submit(
    session: AsyncSession,
    caller: Caller,
    spec: JobSpec,
    limits: Limits,
    *,
    retry_of: str | None = None,
) -> Job:
    """Queue the job in the session's transaction; raises SpecRefused with every reason."""
    verdict = await judge(session, caller.project_id, spec, limits, hold=True)
    if verdict.reasons:
        raise SpecRefused(verdict.reasons)
    job, steps = jobs.compress(
        caller.project_id, spec, verdict.queue, caller.request_id, retry_of
    )
    session.add(job)
    await feed.append_async(session, job.id, "queued", {"queue": str(verdict.queue)})
    session.add_all(steps)
    session.add(caller.audit("job.retry" if retry_of else "job.submit", job.id))
    hint_later(session, job)
    return job


async def submit_once(
    parts: Services, caller: Caller, spec: JobSpec, idempotency_key: str | None
) -> tuple[str, bool]:
    """Queue the job in its own transaction; its id, and whether it was there already.

    Of two requests with one key that arrive together, the database's primary key lets one
    through; the other finds its job, also where that job has taken the last room that there
    was. Raises ReusedKey when the key made another spec's job.
    """
    limits = parts.settings.limits
    if idempotency_key is None:
        async with parts.writing() as session:
            return (await submit(session, caller, spec, limits)).id, False
    body_sha256 = hashlib.sha256(spec.model_dump_json().encode()).hexdigest()
    try:
        async with parts.writing() as session:
            made = await _made_before(session, caller, idempotency_key, body_sha256)
            if made is not None:
                return made, True
            job = await submit(session, caller, spec, limits)
            session.add(
                IdempotencyKey(
                    project_id=caller.project_id,
                    key=idempotency_key,
                    body_sha256=body_sha256,
                    job_id=job.id,
                )
            )
        return job.id, False  # noqa: TRY300 - the commit above is what may fail
    except (IntegrityError, SpecRefused):
        async with parts.reading() as session:
            made = await _made_before(session, caller, idempotency_key, body_sha256)
        if made is None:
            raise
        return made, True


async def _made_before(
    session: AsyncSession, caller: Caller, idempotency_key: str, body_sha256: str
) -> str | None:
    row = await session.scalar(tenants.remembered(caller.project_id, idempotency_key))
    if row is not None and row.body_sha256 != body_sha256:
        raise ReusedKey(
            "this Idempotency-Key was sent with another job spec; make a new key for a new job",
            param="Idempotency-Key",
        )
    return row.job_id if row else None


def _unusable(kind: str, param: str, row: Model | Dataset | None) -> Refused | None:
    if row is None:
        return Missing(f"there is no such {kind}; upload it first", param=param)
    match row.state:
        case UploadState.READY:
            return None
        case UploadState.PENDING:
            return NotReady(f"the {kind} is still being inspected; try again", param=param)
        case _:
            why = (row.failure or {}).get("detail", "its inspection failed")
            refusal = UnsupportedModel if isinstance(row, Model) else NotADataset
            return refusal(f"the {kind} was rejected: {why}", param=param)


async def _untellable(session: AsyncSession, project_id: str, spec: JobSpec) -> Refused | None:
    if spec.webhook is None:
        return None
    wanted = webhooks.webhooks(project_id).where(Webhook.id == spec.webhook)
    hook = await session.scalar(wanted)
    if hook is None:
        return Missing("there is no such webhook; make it first", param="webhook")
    if hook.disabled_at is not None:
        why = f"the webhook is disabled: {hook.disabled_because}; enable it, or leave it out"
        return Conflict(why, param="webhook")
    return None


def _known(models: Iterable[Model], datasets: Iterable[Dataset]) -> KnownFacts:
    return KnownFacts(
        models={
            row.id: ModelFacts.model_validate(row.facts)
            for row in models
            if row.state == UploadState.READY
        },
        datasets={
            row.id: DatasetFacts.model_validate(row.facts)
            for row in datasets
            if row.state == UploadState.READY
        },
    )


async def _queue(
    session: AsyncSession, project_id: str, spec: JobSpec, limits: Limits
) -> Queue:
    """Where it would run; a job that takes any device takes no GPU that is not paid for."""
    rows = await session.execute(muster())
    device = spec.resources.device
    queue = route(device, Fleet.of(rows), spec_version.version_of(spec))
    if device != "auto" or queue is not Queue.GPU:
        return queue
    left = await session.run_sync(has_gpu_minutes, project_id, limits)
    return Queue.GPU if left else Queue.CPU
