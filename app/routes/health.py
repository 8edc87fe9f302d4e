"""Whether the service lives, is ready, and how busy it is. No key is needed."""

import asyncio
from collections.abc import Awaitable
from http import HTTPStatus
from typing import Literal

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel
from sqlalchemy import select, text
from sqlalchemy.exc import SQLAlchemyError

from app.http.deps import Parts
from app.scrape import scrape
from app.services import Services
from app.store.fleet import serves_now
from app.store.rows import Worker
from app.store.trouble import database_trouble
from app.store.walls import open_walls
from lathe import __version__
from lathe.errors import Unavailable

router = APIRouter(tags=["health"])

RETRY_AFTER_S = 5
_NO_TABLES = "the database has not the tables of this release; run python -m app.migrate"


class Part(BaseModel):
    """One thing the service stands on."""

    ok: bool
    why: str | None = None


class Readiness(BaseModel):
    """`degraded`: hints are not sent, so jobs start later, or a worker that takes jobs has not
    all walls around them; everything else works."""

    status: Literal["ready", "degraded", "unavailable"]
    database: Part
    objects: Part
    broker: Part
    sandbox: Part


@router.get("/healthz", operation_id="healthz")
async def healthz() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok", "version": __version__}


@router.get("/readyz", operation_id="readyz", responses={503: {"model": Readiness}})
async def readyz(parts: Parts, response: Response) -> Readiness:
    """Every part by name; 503 while the database or the object store is down.

    The parts are asked at once, each for `LATHE_READY_TIMEOUT_S` at most.
    """
    within_s = parts.settings.ready_timeout_s
    database, objects, broker, sandbox = await asyncio.gather(
        _within(within_s, "the database", _database(parts)),
        _within(within_s, "the object store", _objects(parts)),
        _within(within_s, "the broker", _broker(parts)),
        _within(within_s, "the database", _sandbox(parts)),
    )
    up = database.ok and objects.ok
    if not up:
        response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
        response.headers["Retry-After"] = str(RETRY_AFTER_S)
    well = broker.ok and sandbox.ok
    status: Literal["ready", "degraded"] = "ready" if well else "degraded"
    return Readiness(
        status=status if up else "unavailable",
        database=database,
        objects=objects,
        broker=broker,
        sandbox=sandbox,
    )


@router.get("/metrics", operation_id="metrics", response_class=Response)
async def metrics(parts: Parts) -> Response:
    """Numbers in the Prometheus text format."""
    return Response(await scrape(parts), media_type=CONTENT_TYPE_LATEST)


async def _within(seconds: float, what: str, asked: Awaitable[str | None]) -> Part:
    """The part as `asked` finds it: None is well; what says nothing in time is not."""
    try:
        async with asyncio.timeout(seconds):
            why = await asked
    except TimeoutError:
        why = f"{what} said nothing for {seconds:g} s"
    return Part(ok=why is None, why=why)


async def _database(parts: Services) -> str | None:
    try:
        async with parts.reading() as session:
            await session.execute(text("SELECT 1 FROM projects LIMIT 1"))
    except SQLAlchemyError as error:
        trouble = database_trouble(error)
        return _NO_TABLES if trouble is None else trouble.detail
    return None


async def _objects(parts: Services) -> str | None:
    try:
        await parts.objects.healthy()
    except Unavailable as error:
        return error.detail
    return None


async def _sandbox(parts: Services) -> str | None:
    try:
        async with parts.reading() as session:
            return open_walls(await session.scalars(select(Worker).where(serves_now())))
    except SQLAlchemyError:  # the database's own part says why
        return "the workers cannot be asked for"


async def _broker(parts: Services) -> str | None:
    return await parts.hints.trouble()
