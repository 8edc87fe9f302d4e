"""Compression jobs, and the inspections of uploads."""

import re
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response

from app.auth import Reader, Writer, still
from app.control import cancel, retry
from app.follow import reading
from app.follow.responses import POLL_AGAIN_S, job_response, json_response
from app.follow.waiting import finished
from app.http.deps import Paged, Parts, ReadDb, Wait
from app.http.problems import refusals
from app.http.strict import StrictRoute
from app.plan import plan
from app.retire import retire_job
from app.routes.bodies import SPEC_BODY, json_body
from app.services import Services
from app.store import jobs, reads
from app.submit import submit_once
from app.submitted import Submitted
from lathe.errors import (
    Conflict,
    DataMismatch,
    Forbidden,
    GpuQuotaReached,
    InvalidSpec,
    JobQuotaReached,
    Malformed,
    Missing,
    NotReady,
    ReusedKey,
    StepImpossible,
    StorageQuotaReached,
    UnknownLayer,
)
from lathe.job import LABEL_PATTERN
from lathe.states import JobKind, JobState
from lathe.views import JobView, Page, PlanView

router = APIRouter(prefix="/v1", tags=["jobs"], route_class=StrictRoute)

_BAD_SPEC = (InvalidSpec, DataMismatch, UnknownLayer, StepImpossible, Missing, NotReady)
_QUOTAS = (JobQuotaReached, StorageQuotaReached, GpuQuotaReached)
_LABEL = re.compile(LABEL_PATTERN)
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        description="Sent again with the same spec it answers with the same job.",
    ),
]


@router.post(
    "/jobs:validate",
    operation_id="validate_job",
    openapi_extra=SPEC_BODY,
    responses=refusals(Malformed),
)
async def validate_job(request: Request, caller: Reader, db: ReadDb, parts: Parts) -> PlanView:
    """Say what a job would do, or everything that is wrong with its spec; queues nothing."""
    return await plan(db, caller.project_id, await json_body(request), parts.settings.limits)


@router.post(
    "/jobs",
    status_code=HTTPStatus.ACCEPTED,
    operation_id="submit_job",
    response_model=JobView,
    responses=refusals(Forbidden, *_BAD_SPEC, ReusedKey, Malformed, *_QUOTAS),
)
async def submit_job(
    spec: Submitted,
    caller: Writer,
    parts: Parts,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Queue a compression job; follow it at the returned Location."""
    job_id, was_there = await submit_once(parts, caller, spec, idempotency_key)
    response = await _accepted(parts, caller.project_id, job_id)
    if was_there:
        response.headers["Idempotency-Replayed"] = "true"
    return response


@router.get(
    "/jobs",
    operation_id="list_jobs",
    response_model=Page[JobView],
    responses=refusals(Malformed),
)
async def list_jobs(
    caller: Reader,
    parts: Parts,
    paging: Paged,
    state: Annotated[list[JobState] | None, Query(description="Any of these.")] = None,
    kind: Annotated[JobKind | None, Query(description="One kind alone.")] = None,
    model: Annotated[str | None, Query(max_length=40, description="Of this model.")] = None,
    label: Annotated[list[str] | None, Query(description="`name:value`; all of these.")] = None,
) -> Response:
    """The project's jobs, newest first."""
    statement = jobs.filtered(
        reads.jobs(caller.project_id),
        states=state or (),
        kind=kind,
        model_id=model,
        labels=_labels(label or []),
    )
    return json_response(await reading.jobs(parts, statement, paging.cursor, paging.limit))


@router.get(
    "/jobs/{job_id}",
    operation_id="read_job",
    response_model=JobView,
    responses={304: {"description": "As `If-None-Match` has it"}, **refusals(Missing)},
)
async def read_job(
    job_id: str,
    caller: Reader,
    parts: Parts,
    request: Request,
    wait: Wait = 0,
) -> Response:
    """A job as it stands; with `wait` the answer comes when it has finished, or in so long."""
    job = await reading.job(parts, caller.project_id, job_id)
    if wait and not job.finished:
        await finished(request, parts, job_id, wait)
        await still(request, parts)()
        job = await reading.job(parts, caller.project_id, job_id)
    return job_response(job, request.headers.get("if-none-match"))


@router.delete(
    "/jobs/{job_id}",
    status_code=HTTPStatus.NO_CONTENT,
    operation_id="delete_job",
    responses=refusals(Forbidden, Missing, Conflict),
)
async def delete_job(job_id: str, caller: Writer, parts: Parts) -> None:
    """Delete a finished job with its events, artifacts, report and measurements, and what it
    left in the step cache that no other job has gone on from. Bytes that something else
    refers to stay."""
    async with parts.writing() as session:
        await retire_job(session, caller, job_id)
    parts.kept.forget(caller.project_id, job_id)


@router.post(
    "/jobs/{job_id}/cancel",
    operation_id="cancel_job",
    response_model=JobView,
    responses=refusals(Forbidden, Missing, Conflict),
)
async def cancel_job(job_id: str, caller: Writer, parts: Parts) -> Response:
    """End a job: at once while it is queued, within a second while it runs."""
    async with parts.writing() as session:
        await cancel(session, caller, job_id)
    return json_response((await reading.job(parts, caller.project_id, job_id)).body)


@router.post(
    "/jobs/{job_id}/retry",
    status_code=HTTPStatus.ACCEPTED,
    operation_id="retry_job",
    response_model=JobView,
    responses=refusals(Forbidden, *_BAD_SPEC, Conflict, *_QUOTAS),
)
async def retry_job(job_id: str, caller: Writer, parts: Parts) -> Response:
    """Queue a finished job's spec again as a new job; steps that were done are not redone."""
    async with parts.writing() as session:
        new_id = (await retry(session, caller, job_id, parts.settings.limits)).id
    return await _accepted(parts, caller.project_id, new_id)


async def _accepted(parts: Services, project_id: str, job_id: str) -> Response:
    """The job that was just committed, and where and when to look at it again."""
    response = json_response((await reading.job(parts, project_id, job_id)).body)
    response.status_code = HTTPStatus.ACCEPTED
    response.headers["Location"] = f"/v1/jobs/{job_id}"
    response.headers["Retry-After"] = str(POLL_AGAIN_S)
    return response


def _labels(given: list[str]) -> dict[str, str]:
    pairs = [text.partition(":") for text in given]
    if any(not (colon and _LABEL.fullmatch(name)) for name, colon, _ in pairs):
        raise Malformed("a label filter is written name:value, as in team:cam", param="label")
    return {name: value for name, _, value in pairs}
