"""Whether the service lives, is ready, and how busy it is. No key is needed."""

from http import HTTPStatus
from typing import Literal

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from app.http.deps import Parts
from app.services import Services
from app.store import jobs
from lathe import __version__
from lathe.errors import Unavailable

router = APIRouter(tags=["health"])


class Part(BaseModel):
    """One thing the service stands on."""

    ok: bool
    why: str | None = None


class Readiness(BaseModel):
    """`degraded`: hints are not sent, so jobs start later; everything else works."""

    status: Literal["ready", "degraded", "unavailable"]
    database: Part
    objects: Part
    broker: Part


@router.get("/healthz", operation_id="healthz")
async def healthz() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok", "version": __version__}


@router.get("/readyz", operation_id="readyz", responses={503: {"model": Readiness}})
async def readyz(parts: Parts, response: Response) -> Readiness:
    """Every part by name; 503 while the database or the object store is down."""
    database, objects = await _database(parts), await _objects(parts)
    trouble = await parts.hints.trouble()
    if not (database.ok and objects.ok):
        response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
    return Readiness(
        status="unavailable"
        if not (database.ok and objects.ok)
        else "degraded"
        if trouble
        else "ready",
        database=database,
        objects=objects,
        broker=Part(ok=trouble is None, why=trouble),
    )


@router.get("/metrics", operation_id="metrics", response_class=Response)
async def metrics(parts: Parts) -> Response:
    """Numbers in the Prometheus text format."""
    async with parts.reading() as session:
        counts = [(row[0], row[1], row[2]) for row in await session.execute(jobs.counts())]
    return Response(parts.metrics.text(counts), media_type=CONTENT_TYPE_LATEST)


async def _database(parts: Services) -> Part:
    try:
        async with parts.reading() as session:
            await session.execute(text("SELECT 1 FROM projects LIMIT 1"))
    except (SQLAlchemyError, OSError, TimeoutError) as error:
        return Part(ok=False, why=f"the database does not answer ({type(error).__name__})")
    return Part(ok=True)


async def _objects(parts: Services) -> Part:
    try:
        await parts.objects.healthy()
    except Unavailable as error:
        return Part(ok=False, why=error.detail)
    return Part(ok=True)
