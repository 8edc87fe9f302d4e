"""What the project uses and what it may."""

from fastapi import APIRouter

from app import present
from app.auth import Reader
from app.http.deps import Parts, ReadDb
from app.http.problems import refusals
from app.store.quotas.usage import usage
from lathe.usage import UsageView

router = APIRouter(prefix="/v1", tags=["projects"])


@router.get("/usage", operation_id="read_usage", responses=refusals())
async def read_usage(caller: Reader, db: ReadDb, parts: Parts) -> UsageView:
    """The project's stored bytes, jobs and minutes of this month, beside its limits."""
    found = await db.run_sync(usage, caller.project_id, parts.settings.limits)
    return present.usage(caller.project_id, found)
