"""Who changed what."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from app import present
from app.auth import Admin
from app.http.deps import Paged, ReadDb
from app.http.listing import page
from app.http.problems import refusals
from app.store import audit
from app.store.rows import Audit
from lathe.errors import Forbidden, Malformed
from lathe.views import AuditView, Page

router = APIRouter(prefix="/v1", tags=["projects"])


@router.get("/audit", operation_id="list_audit", responses=refusals(Forbidden, Malformed))
async def list_audit(
    caller: Admin,
    db: ReadDb,
    paging: Paged,
    action: Annotated[
        str | None,
        Query(
            pattern=r"^[a-z]+(\.[a-z_]+)?$",
            max_length=64,
            description="One, such as `job.submit`, or all of a kind, such as `job`.",
        ),
    ] = None,
    target: Annotated[str | None, Query(max_length=40, description="Of this id.")] = None,
    key: Annotated[str | None, Query(max_length=40, description="By this key's id.")] = None,
    since: Annotated[
        AwareDatetime | None, Query(description="From this moment on, with its time zone.")
    ] = None,
    until: Annotated[
        AwareDatetime | None, Query(description="Before this moment, with its time zone.")
    ] = None,
) -> Page[AuditView]:
    """Every write of the project, newest first: by which key, to what, in which request. What
    the service deleted by itself because it was old has no key."""
    statement = audit.traces(
        caller.project_id, action=action, target=target, key_id=key, since=since, until=until
    )
    return await page(db, statement, Audit, paging, present.trace)
