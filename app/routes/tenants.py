"""Projects and API keys; for admins of a project."""

from datetime import datetime
from typing import Self

from fastapi import APIRouter
from pydantic import AwareDatetime, Field, model_validator

from app import present
from app.auth import Admin
from app.http.deps import Db, Paged, Parts, ReadDb
from app.http.listing import page
from app.http.problems import refusals
from app.http.strict import StrictRoute
from app.store import tenants
from app.store.rotation import end_sessions
from app.store.rows import ApiKey, Project
from app.store.rows.base import utc_now
from app.store.tenants import Scope
from lathe.errors import Conflict, Forbidden, Malformed, Missing
from lathe.names import Name
from lathe.spec import Spec
from lathe.views import KeyView, NewKeyView, Page, ProjectView

router = APIRouter(prefix="/v1", tags=["projects"], route_class=StrictRoute)


class NewProject(Spec):
    """A project to make."""

    name: Name = Field(description="For people; no other project has it.", examples=["vision"])


class NewKey(Spec):
    """A key to make in the caller's own project."""

    name: Name = Field(description="For people.", examples=["ci"])
    scopes: tuple[Scope, ...] = Field(
        ("read", "write"),
        min_length=1,
        max_length=3,
        description="What it may do; admin makes and revokes keys, write includes read.",
    )
    expires_at: AwareDatetime | None = Field(None, description="Default: never.")

    @model_validator(mode="after")
    def _expires_later(self) -> Self:
        if self.expires_at is not None and self.expires_at <= utc_now():
            raise ValueError("expires_at: this moment has passed; name a later one")
        return self


class NewProjectView(ProjectView):
    """A project just made, with its first admin key: the only time it is shown."""

    key: NewKeyView


@router.post(
    "/projects",
    status_code=201,
    operation_id="create_project",
    responses=refusals(Forbidden, Conflict),
)
async def create_project(body: NewProject, caller: Admin, db: Db) -> NewProjectView:
    """Make a project and its admin key; takes an admin key of the project `default`, so that no
    tenant gets round its quotas. What belongs to it is seen with its own keys only."""
    if not await tenants.operates(db, caller.project_id):
        raise Forbidden(
            "projects are made with an admin key of the project 'default', which the operator "
            "of this service has"
        )
    project = await tenants.add_project(db, body.name)
    row, printable = tenants.new_key(project.id, "admin", tenants.EVERY_SCOPE)
    db.add_all([row, caller.audit("project.create", project.id)])
    await db.flush()
    return NewProjectView(
        **present.project(project).model_dump(), key=_with_secret(row, printable)
    )


@router.get("/projects", operation_id="list_projects", responses=refusals(Forbidden, Malformed))
async def list_projects(caller: Admin, db: ReadDb, paging: Paged) -> Page[ProjectView]:
    """The projects that this key can see: its own."""
    statement = tenants.projects(caller.project_id)
    return await page(db, statement, Project, paging, present.project)


@router.post("/keys", status_code=201, operation_id="create_key", responses=refusals(Forbidden))
async def create_key(body: NewKey, caller: Admin, db: Db) -> NewKeyView:
    """Make a key of the caller's project; its secret is shown in this answer only."""
    expires_at: datetime | None = body.expires_at
    row, printable = tenants.new_key(caller.project_id, body.name, body.scopes, expires_at)
    db.add_all([row, caller.audit("key.create", row.id)])
    await db.flush()
    return _with_secret(row, printable)


@router.get("/keys", operation_id="list_keys", responses=refusals(Forbidden, Malformed))
async def list_keys(caller: Admin, db: ReadDb, paging: Paged) -> Page[KeyView]:
    """The project's keys, without their secrets, newest first."""
    return await page(db, tenants.keys(caller.project_id), ApiKey, paging, present.key)


@router.delete(
    "/keys/{key_id}",
    status_code=204,
    operation_id="revoke_key",
    responses=refusals(Forbidden, Missing),
)
async def revoke_key(key_id: str, caller: Admin, parts: Parts) -> None:
    """Revoke a key for ever; the row stays for the audit. It writes nothing from now on, and
    reads nothing after a few seconds. Who is signed in on the page with it is signed out."""
    async with parts.writing() as db:
        row = await db.scalar(tenants.key_of(caller.project_id, key_id))
        if row is None:
            raise Missing("there is no such key", param="key_id")
        if row.revoked_at is None:
            row.revoked_at = utc_now()
            await db.execute(end_sessions(row.id))
            db.add(caller.audit("key.revoke", row.id))
    parts.keys.forget(key_id)


def _with_secret(row: ApiKey, printable: str) -> NewKeyView:
    return NewKeyView.model_validate({**present.key_fields(row), "key": printable})
