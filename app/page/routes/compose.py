"""Composing a job: a form that is drawn anew whenever its shape changes, checked as
`POST /v1/jobs:validate` checks, and submitted as `POST /v1/jobs` submits."""

import hashlib
import secrets
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.ext.asyncio import AsyncSession

from app.http.deps import Parts
from app.http.problems import SpecRefused
from app.page import composing
from app.page.forms.edit import edited
from app.page.rendering import page
from app.page.route import PageRoute
from app.page.visitor import Looking, Visitor, Writing
from app.plan import plan
from app.services import Services
from app.store import glance, jobs
from app.submit import submit_once
from lathe.views import FieldProblem, PlanView

router = APIRouter(prefix="/compose", route_class=PageRoute, include_in_schema=False)

_CHOICES = 200
_CALIBRATION = 512  # examples that a new form suggests
Id = Annotated[str | None, Query(max_length=40)]


@router.get("")
async def begin(
    request: Request,
    visitor: Looking,
    parts: Parts,
    model: Id = None,
    dataset: Id = None,
    job: Id = None,
) -> Response:
    """An empty form, or one that begins with a model, a data set or what a job did."""
    async with parts.reading() as session:
        shelf = await _shelf(session, visitor)
        draft = await _as_job(session, visitor, job) if job else _first(shelf, model, dataset)
    once = secrets.token_urlsafe(16)
    return _shown(request, visitor, shelf, draft, once)


@router.post("")
async def go_on(request: Request, posted: Writing, parts: Parts) -> Response:
    """What the pressed button asks for: change the form, check it, or start the job."""
    visitor, form = posted.visitor, posted.fields
    draft, button, once = composing.said(form), form.get("do", ""), form.get("once", "")
    if button == "submit":
        answer = await _submitted(request, parts, visitor, draft, once)
        if answer is not None:
            return answer
    async with parts.reading() as session:
        shelf = await _shelf(session, visitor)
        found: PlanView | None = None
        if button in {"submit", "check", "expand"}:
            found = await plan(session, visitor.project_id, draft, parts.settings.limits)
    if button == "expand" and found is not None and found.spec is not None:
        steps = [
            each.model_dump(mode="json", exclude_defaults=True) for each in found.spec.pipeline
        ]
        names = [each.technique for each in found.spec.pipeline]
        draft["pipeline"] = [
            step | {"technique": name} for step, name in zip(steps, names, strict=True)
        ]
        found = None
    elif ":" in button:
        draft = composing.pressed(draft, button)
    elif button == "step":
        step = {"technique": form.get("technique", "")}
        draft = edited(draft, "add:pipeline", step)
    return _shown(request, visitor, shelf, draft, once, found)


async def _submitted(
    request: Request, parts: Services, visitor: Visitor, draft: dict[str, Any], once: str
) -> Response | None:
    """Off to the new job, or None where the spec is refused."""
    async with parts.reading() as session:
        found = await plan(session, visitor.project_id, draft, parts.settings.limits)
    if not found.valid or found.spec is None:
        return None
    said = hashlib.sha256(f"{once} {found.spec.model_dump_json()}".encode()).hexdigest()
    try:
        job_id, _ = await submit_once(parts, visitor.caller, found.spec, f"page {said}")
    except SpecRefused:  # something was deleted since it was checked
        return None
    there = f"/jobs/{job_id}"
    if "hx-request" in request.headers:
        return Response(headers={"HX-Redirect": there})
    return RedirectResponse(there, HTTPStatus.SEE_OTHER)


async def _shelf(session: AsyncSession, visitor: Visitor) -> composing.Shelf:
    project = visitor.project_id
    models = await session.execute(glance.models_to_name(project, _CHOICES))
    datasets = await session.execute(glance.datasets_to_name(project, _CHOICES))
    return composing.shelf(models.all(), datasets.all())


def _first(shelf: composing.Shelf, model: str | None, dataset: str | None) -> dict[str, Any]:
    """A draft that most would begin with: the newest model, or the one that was named."""
    draft: dict[str, Any] = {"pipeline": {"recipe": "int8"}}
    if model or shelf.models:
        draft["model"] = model or shelf.models[0][0]
    splits = [value.split("/") for value, _ in shelf.splits]
    wanted = dataset or (splits[0][0] if splits else None)
    names = [split for owner, split in splits if owner == wanted]
    if "test" in names:
        draft["data"] = {"evaluation": {"dataset": wanted, "split": "test"}}
    if "train" in names:
        some = min(_CALIBRATION, shelf.examples[f"{wanted}/train"])
        calibration = {"dataset": wanted, "split": "train", "samples": some}
        draft.setdefault("data", {})["calibration"] = calibration
    return draft


async def _as_job(session: AsyncSession, visitor: Visitor, job_id: str) -> dict[str, Any]:
    row = await jobs.find(session, visitor.project_id, job_id)
    return dict(row.spec or {})


def _shown(
    request: Request,
    visitor: Visitor,
    shelf: composing.Shelf,
    draft: dict[str, Any],
    once: str,
    found: PlanView | None = None,
) -> Response:
    problems: list[FieldProblem] = found.problems if found else []
    shown = composing.drawn(draft, problems, shelf)
    return page(
        request,
        "compose.html",
        visitor,
        **shown,
        ids=composing.ids(shown),
        once=once,
        found=found,
        path_of=composing.place,
        empty_shelf=not shelf.models,
    )
