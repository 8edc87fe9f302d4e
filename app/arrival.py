"""An upload becomes a row and an inspection job, in one transaction."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from fastapi import Request
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from app.auth import Caller
from app.intake import Received, received
from app.referred import Referred, referred
from app.resume.taken_up import TakenUp, made_of, taken_up
from app.services import Services, hint_later
from app.store import feed, jobs
from app.store.quotas.limits import Limits
from app.store.quotas.room import Room, check_bytes, check_jobs, refused_jobs, room
from app.store.rows import Dataset, Job, Model
from app.store.tallies import count, observe
from app.store.tallies.kinds import UPLOAD, UPLOADS
from lathe import ids
from lathe.errors import Conflict, Malformed, QuotaReached
from lathe.facts import Transform
from lathe.layout import Layout
from lathe.names import unfit
from lathe.reference import Reference
from lathe.states import Queue, UploadState


@dataclass(frozen=True, slots=True)
class Announcement:
    """What is told beside the bytes: a name, and the upload that they came by, if any, or the
    source that they are to come from."""

    name: str | None
    upload_id: str | None
    reference: Reference | None


async def model_arrives(
    request: Request, parts: Services, caller: Caller, announced: Announcement
) -> str:
    """Store the body as a new, pending model and queue its inspection; gives the model's id.

    Where a resumable upload is named the bytes are its, and asking again gives the same model.
    Where a source is named the inspection fetches them first.
    """

    async def arrives() -> str:
        return await _new_model(request, parts, caller, announced)

    return await _once(parts, caller, announced, "mdl", arrives)


async def _new_model(
    request: Request, parts: Services, caller: Caller, announced: Announcement
) -> str:
    most = parts.settings.max_model_bytes
    left = await _room(parts, caller, announced)
    async with _bytes(request, parts, caller, "models", most, left, announced) as upload:
        row = Model(
            id=ids.new("mdl"),
            project_id=caller.project_id,
            name=_name(announced, upload),
        )
        job = jobs.inspect(
            caller.project_id,
            caller.request_id,
            model_id=row.id,
            fetches=announced.reference is not None,
        )
        await _register(parts, caller, upload, row, job)
        return row.id


async def dataset_arrives(
    request: Request,
    parts: Services,
    caller: Caller,
    announced: Announcement,
    transforms: dict[str, Transform],
    layout: Layout,
) -> str:
    """As `model_arrives`, for a data set."""

    async def arrives() -> str:
        return await _new_dataset(request, parts, caller, announced, transforms, layout)

    return await _once(parts, caller, announced, "dat", arrives)


async def _new_dataset(
    request: Request,
    parts: Services,
    caller: Caller,
    announced: Announcement,
    transforms: dict[str, Transform],
    layout: Layout,
) -> str:
    most = parts.settings.max_dataset_bytes
    left = await _room(parts, caller, announced)
    async with _bytes(request, parts, caller, "datasets", most, left, announced) as upload:
        row = Dataset(
            id=ids.new("dat"),
            project_id=caller.project_id,
            name=_name(announced, upload),
            transforms={field: t.model_dump(mode="json") for field, t in transforms.items()},
            layout=layout.model_dump(mode="json", exclude_defaults=True),
        )
        job = jobs.inspect(
            caller.project_id,
            caller.request_id,
            dataset_id=row.id,
            fetches=announced.reference is not None,
        )
        await _register(parts, caller, upload, row, job)
        return row.id


async def inspect_again(
    session: AsyncSession, caller: Caller, row: Model | Dataset, retried: Job, limits: Limits
) -> Job:
    """Queue another inspection of an upload that was rejected; the upload is pending again.
    Raises QuotaReached."""
    await session.run_sync(check_jobs, caller.project_id, limits)
    job = jobs.inspect(
        caller.project_id,
        caller.request_id,
        model_id=retried.model_id,
        dataset_id=retried.dataset_id,
        retry_of=retried.id,
        fetches=row.upload_blob_id is None,
    )
    row.state, row.failure, row.facts = UploadState.PENDING, None, None
    row.inspection_job_id = job.id
    session.add(caller.audit("job.retry", job.id))
    await _queue(session, job)
    return job


def _bytes(
    request: Request,
    parts: Services,
    caller: Caller,
    kind: str,
    most: int,
    left: Room | None,
    announced: Announcement,
) -> AbstractAsyncContextManager[Received | TakenUp | Referred]:
    if announced.reference is not None:
        return referred(parts, announced.reference)
    if announced.upload_id is None:
        return received(request, parts, kind, most, left)
    return taken_up(request, parts, caller, announced.upload_id, most)


async def _room(parts: Services, caller: Caller, announced: Announcement) -> Room | None:
    """What the project may store still; raises QuotaReached before a byte is read where it may
    store nothing more or have no more jobs. What came by an upload is counted already."""
    if announced.upload_id is not None:
        return None
    project_id, limits = caller.project_id, parts.settings.limits

    def look(session: Session) -> Room | None:
        for reason in refused_jobs(session, project_id, limits, Queue.INTAKE, holding=False):
            raise reason
        return room(session, project_id, limits)

    async with parts.reading() as session:
        return await session.run_sync(look)


async def _once(
    parts: Services,
    caller: Caller,
    announced: Announcement,
    prefix: str,
    arrives: Callable[[], Awaitable[str]],
) -> str:
    """What the upload that is named has become, or what `arrives`. Who asks again while the
    first request is under way is answered by what that one made."""
    if (made := await _made(parts, caller, announced, prefix)) is not None:
        return made
    try:
        return await arrives()
    except (Conflict, QuotaReached):
        if (made := await _made(parts, caller, announced, prefix)) is None:
            raise
        return made


async def _made(
    parts: Services, caller: Caller, announced: Announcement, prefix: str
) -> str | None:
    if announced.upload_id is None:
        return None
    return await made_of(parts, caller, announced.upload_id, prefix)


async def _register(
    parts: Services,
    caller: Caller,
    upload: Received | TakenUp | Referred,
    row: Model | Dataset,
    job: Job,
) -> None:
    limits = parts.settings.limits
    async with parts.writing() as session:
        await session.run_sync(check_jobs, caller.project_id, limits)
        row.upload_blob_id = await upload.blob_id(session, row)
        row.inspection_job_id = job.id
        session.add(row)
        kind = row.__tablename__.removesuffix("s")
        await session.run_sync(_counted, kind, upload)
        await session.flush()  # the job refers to it
        if not isinstance(upload, TakenUp):
            await session.run_sync(check_bytes, caller.project_id, limits)
        session.add(caller.audit(f"{kind}.create", row.id))
        await _queue(session, job)


def _name(announced: Announcement, upload: Received | TakenUp | Referred) -> str | None:
    """As it was told, else as the file is called; raises Malformed where that is no name."""
    name = announced.name or upload.filename
    if name is not None and (why := unfit(name)) is not None:
        raise Malformed(f"the file's own name is taken: {why}, or tell a name", param="name")
    return name


def _counted(session: Session, kind: str, upload: Received | TakenUp | Referred) -> None:
    """What is fetched has a stage of its inspection for the time that takes."""
    count(session, UPLOADS, kind, _how(upload))
    if not isinstance(upload, Referred):
        observe(session, UPLOAD, upload.lasted_s, kind, _how(upload))


def _how(upload: Received | TakenUp | Referred) -> str:
    match upload:
        case Received():
            return "body"
        case TakenUp():
            return "resumable"
        case Referred():
            return "reference"


async def _queue(session: AsyncSession, job: Job) -> None:
    session.add(job)
    await feed.append_async(session, job.id, "queued", {"queue": str(Queue.INTAKE)})
    hint_later(session, job)
