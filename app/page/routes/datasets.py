"""Data sets: uploading one, the list, and what inspection found in one of them."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from app import present
from app.http.deps import Parts, ReadDb
from app.page.job_page import inspection
from app.page.rendering import page
from app.page.route import PageRoute
from app.page.visitor import Looking
from app.store import glance, uploads
from app.store.rows import Dataset

router = APIRouter(prefix="/datasets", route_class=PageRoute, include_in_schema=False)

_PAGE_SIZE = 25


@router.get("")
async def listed(
    request: Request,
    visitor: Looking,
    db: ReadDb,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> Response:
    """The project's data sets, newest first, behind the form that uploads one."""
    statement = glance.datasets(visitor.project_id)
    rows, next_cursor = await glance.upload_page(db, statement, Dataset, cursor, _PAGE_SIZE)
    return page(request, "datasets.html", visitor, rows=rows, next_cursor=next_cursor)


@router.get("/{dataset_id}")
async def one(
    request: Request, dataset_id: str, visitor: Looking, db: ReadDb, parts: Parts
) -> Response:
    """A data set: its splits, their arrays and counts."""
    row, blob = await uploads.find_dataset(db, visitor.project_id, dataset_id)
    return page(
        request,
        "dataset.html",
        visitor,
        data=present.dataset(row, blob),
        inspection=await inspection(parts, visitor.project_id, row),
    )
