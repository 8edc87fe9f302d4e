"""Deleting a project with everything that it has."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Response

from app.auth import Admin
from app.http.deps import Parts
from app.http.problems import refusals
from app.leave import leave
from lathe.errors import Conflict, Forbidden, Missing

router = APIRouter(prefix="/v1/projects", tags=["projects"])


@router.delete(
    "/{project_id}",
    status_code=HTTPStatus.ACCEPTED,
    operation_id="delete_project",
    response_class=Response,
    responses=refusals(Forbidden, Missing, Conflict),
)
async def delete_project(
    project_id: str,
    caller: Admin,
    parts: Parts,
    *,
    cancel_jobs: Annotated[
        bool, Query(description="End its unfinished jobs; else they are in the way.")
    ] = False,
) -> None:
    """Delete the caller's own project. Its keys end in this request, so nothing of it can be
    seen any more; models, data, jobs, webhooks, audit and every byte go within minutes, a
    large project's within hours, and cannot be brought back."""
    async with parts.writing() as session:
        ended = await leave(session, caller, project_id, cancel_jobs=cancel_jobs)
    for key_id in ended:
        parts.keys.forget(key_id)
