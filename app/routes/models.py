"""Uploaded networks."""

from http import HTTPStatus

from fastapi import APIRouter, Request, Response

from app import present
from app.arrival import model_arrives
from app.auth import Reader, Writer
from app.follow.waiting import inspected
from app.http.deps import Db, Paged, Parts, ReadDb, Wait
from app.http.download import File, file_answers, send
from app.http.listing import page
from app.http.problems import refusals
from app.http.strict import StrictRoute
from app.retire import retire_model
from app.routes.bodies import RAW_BODY, Announced
from app.store import uploads
from app.store.rows import Model
from lathe.errors import (
    AddressRefused,
    Conflict,
    Forbidden,
    JobQuotaReached,
    Malformed,
    Missing,
    NotReady,
    OutOfDisk,
    StorageQuotaReached,
    TooLarge,
    Unavailable,
)
from lathe.states import UploadState
from lathe.views import ModelView, Page

router = APIRouter(prefix="/v1/models", tags=["models"], route_class=StrictRoute)


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    operation_id="upload_model",
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
async def upload_model(
    request: Request,
    response: Response,
    caller: Writer,
    parts: Parts,
    announced: Announced,
    wait: Wait = 0,
) -> ModelView:
    """Send a model as the raw body, or name an upload that is whole, or a source (in JSON) that
    a worker is to fetch; a sandbox inspects it: `ready` or `rejected`."""
    model_id = await model_arrives(request, parts, caller, announced)
    response.headers["Location"] = f"/v1/models/{model_id}"
    await inspected(request, parts, Model, model_id, wait)
    async with parts.reading() as session:
        row, blob = await uploads.find_model(session, caller.project_id, model_id)
    return present.model(row, blob)


@router.get("", operation_id="list_models", responses=refusals(Malformed))
async def list_models(caller: Reader, db: ReadDb, paging: Paged) -> Page[ModelView]:
    """The project's models, newest first."""
    statement = uploads.models(caller.project_id)
    return await page(db, statement, Model, paging, present.model)


@router.get("/{model_id}", operation_id="read_model", responses=refusals(Missing))
async def read_model(model_id: str, caller: Reader, db: ReadDb) -> ModelView:
    """A model: its doors, sizes, layers, and what can be done with it."""
    return present.model(*await uploads.find_model(db, caller.project_id, model_id))


@router.get(
    "/{model_id}/content",
    operation_id="download_model",
    response_class=Response,
    responses=file_answers("application/onnx", Missing, NotReady, Conflict),
)
@router.head("/{model_id}/content", include_in_schema=False)
async def download_model(
    model_id: str, caller: Reader, db: ReadDb, parts: Parts, request: Request
) -> Response:
    """The canonical ONNX that every job on this model begins with."""
    row, _ = await uploads.find_model(db, caller.project_id, model_id)
    if row.state == UploadState.PENDING:
        raise NotReady("the model is still being inspected; try again")
    blob = await db.scalar(uploads.canonical(caller.project_id, model_id))
    if blob is None:
        raise Conflict("the model was rejected, so there is no canonical form of it")
    return await send(
        request, parts.objects, File(blob, f"{model_id}.onnx", "application/onnx")
    )


@router.delete(
    "/{model_id}",
    status_code=HTTPStatus.NO_CONTENT,
    operation_id="delete_model",
    responses=refusals(Forbidden, Missing, Conflict),
)
async def delete_model(model_id: str, caller: Writer, db: Db) -> None:
    """Delete a model and its measurements; what finished jobs made of it stays."""
    row, _ = await uploads.find_model(db, caller.project_id, model_id, hold=True)
    await retire_model(db, caller, row)
