"""Uploaded data."""

from http import HTTPStatus
from typing import Annotated, TypeVar

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import TypeAdapter, ValidationError

from app import present
from app.arrival import dataset_arrives
from app.auth import Reader, Writer
from app.follow.waiting import inspected
from app.http import wording
from app.http.deps import Db, Paged, Parts, ReadDb, Wait
from app.http.listing import page
from app.http.problems import SpecRefused, refusals
from app.http.strict import StrictRoute
from app.retire import retire_dataset
from app.routes.bodies import RAW_BODY, Announced
from app.store import uploads
from app.store.rows import Dataset
from lathe.errors import (
    AddressRefused,
    Conflict,
    Forbidden,
    InvalidRequest,
    JobQuotaReached,
    Malformed,
    Missing,
    NotReady,
    OutOfDisk,
    StorageQuotaReached,
    TooLarge,
    Unavailable,
)
from lathe.facts import Transform
from lathe.layout import Layout
from lathe.spec import PlainText
from lathe.views import DatasetView, Page

router = APIRouter(prefix="/v1/datasets", tags=["datasets"], route_class=StrictRoute)
_TRANSFORMS = TypeAdapter(dict[PlainText, Transform])
_LAYOUT = TypeAdapter(Layout)
Told = TypeVar("Told")


def _transforms(
    transforms: Annotated[
        str | None,
        Query(
            max_length=20_000,
            description='JSON by input, such as {"image": {"scale": 0.0039, "mean": [0.13]}}',
        ),
    ] = None,
) -> dict[str, Transform]:
    return _told(_TRANSFORMS, transforms, "transforms")


def _layout(
    layout: Annotated[
        str | None,
        Query(
            max_length=40_000,
            description="JSON of a Layout: what the file does not say of itself, such as "
            '{"label": "species", "missing": "drop"} or {"pictures": {"size": [32, 32]}}. The '
            "whole address, percent-encoded, may have 64 KiB",
        ),
    ] = None,
) -> Layout:
    return _told(_LAYOUT, layout, "layout")


def _told(adapter: TypeAdapter[Told], text: str | None, parameter: str) -> Told:
    """The JSON of a query parameter; every problem names its field below the parameter."""
    try:
        return adapter.validate_json(text or "{}")
    except ValidationError as error:
        listed = wording.field_problems(error.errors(), None)
        raise SpecRefused(
            InvalidRequest(each.detail, param=f"{parameter}.{each.param}".rstrip("."))
            for each in listed
        ) from None


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    operation_id="upload_dataset",
    openapi_extra=RAW_BODY,
    responses=refusals(
        Forbidden,
        AddressRefused,
        Malformed,
        Missing,
        Conflict,
        NotReady,
        TooLarge,
        StorageQuotaReached,
        JobQuotaReached,
        OutOfDisk,
        Unavailable,
    ),
)
async def upload_dataset(
    request: Request,
    response: Response,
    caller: Writer,
    parts: Parts,
    transforms: Annotated[dict[str, Transform], Depends(_transforms)],
    layout: Annotated[Layout, Depends(_layout)],
    announced: Announced,
    wait: Wait = 0,
) -> DatasetView:
    """Send data as the raw body: .npz or .safetensors with arrays named `<split>/<input>`, a
    .csv or .parquet table, or a zip or tar of pictures, tables or shards. The format is found
    by content; `layout` tells what the file does not. Or name an upload that is whole, or a
    source (in JSON) that a worker is to fetch."""
    dataset_id = await dataset_arrives(request, parts, caller, announced, transforms, layout)
    response.headers["Location"] = f"/v1/datasets/{dataset_id}"
    await inspected(request, parts, Dataset, dataset_id, wait)
    async with parts.reading() as session:
        row, blob = await uploads.find_dataset(session, caller.project_id, dataset_id)
    return present.dataset(row, blob)


@router.get("", operation_id="list_datasets", responses=refusals(Malformed))
async def list_datasets(caller: Reader, db: ReadDb, paging: Paged) -> Page[DatasetView]:
    """The project's data sets, newest first."""
    statement = uploads.datasets(caller.project_id)
    return await page(db, statement, Dataset, paging, present.dataset)


@router.get("/{dataset_id}", operation_id="read_dataset", responses=refusals(Missing))
async def read_dataset(dataset_id: str, caller: Reader, db: ReadDb) -> DatasetView:
    """A data set: its splits, their fields and counts."""
    return present.dataset(*await uploads.find_dataset(db, caller.project_id, dataset_id))


@router.delete(
    "/{dataset_id}",
    status_code=HTTPStatus.NO_CONTENT,
    operation_id="delete_dataset",
    responses=refusals(Forbidden, Missing, Conflict),
)
async def delete_dataset(dataset_id: str, caller: Writer, db: Db) -> None:
    """Delete a data set; jobs that have finished stay."""
    row, _ = await uploads.find_dataset(db, caller.project_id, dataset_id, hold=True)
    await retire_dataset(db, caller, row)
