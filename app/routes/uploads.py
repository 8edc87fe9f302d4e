"""Uploads that go on where they were cut: tus 1.0 (https://tus.io), and a view in JSON."""

from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Depends, Request, Response

from app import present
from app.auth import Reader, Writer
from app.http import tus
from app.http.deps import Paged, Parts, ReadDb
from app.http.listing import page
from app.http.problems import refusals
from app.resume.begin import begin, most_bytes
from app.resume.receive import receive
from app.services import Services
from app.store import transfers
from app.store.rows import Upload
from lathe.errors import (
    Conflict,
    Forbidden,
    Locked,
    Malformed,
    Missing,
    OutOfDisk,
    QuotaReached,
    StorageQuotaReached,
    TooLarge,
    Unavailable,
    WrongMediaType,
    WrongProtocol,
)
from lathe.views import Page, UploadView

router = APIRouter(prefix=tus.PREFIX, tags=["uploads"])
_SPOKEN = [Depends(tus.speaks_it)]


def _header(name: str, meaning: str, schema: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "name": name,
        "in": "header",
        "required": name != "Upload-Metadata",
        "description": meaning,
        "schema": schema or {"type": "string"},
    }


def _answered(**meanings: str) -> dict[str, Any]:
    """The headers of an answer, for OpenAPI."""
    named = {name.replace("_", "-"): meaning for name, meaning in meanings.items()}
    return {
        name: {"description": meaning, "schema": {"type": "string"}}
        for name, meaning in named.items()
    }


def _count(*, minimum: int) -> dict[str, Any]:
    """The schema of a number of bytes, as tus.number takes it."""
    return {"type": "integer", "minimum": minimum, "maximum": tus.MOST_BYTES}


_VERSION = _header(
    "Tus-Resumable", "The protocol's version.", {"type": "string", "const": tus.VERSION}
)
_EXPIRES = "When it is deleted unless more bytes come."


@router.options(
    "",
    status_code=HTTPStatus.NO_CONTENT,
    operation_id="describe_uploads",
    response_class=Response,
)
@router.options("/{upload_id}", include_in_schema=False, response_class=Response)
async def describe_uploads(parts: Parts) -> Response:
    """What of tus is spoken here, and the largest file; needs no key."""
    headers = {"Tus-Extension": tus.EXTENSIONS, "Tus-Max-Size": str(most_bytes(parts))}
    return Response(status_code=HTTPStatus.NO_CONTENT, headers=headers)


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    operation_id="begin_upload",
    dependencies=_SPOKEN,
    openapi_extra={
        "parameters": [
            _VERSION,
            _header("Upload-Length", "Bytes of the whole file.", _count(minimum=1)),
            _header(
                "Upload-Metadata",
                "Pairs `key base64` with commas between: `filename`, and `sha256` in hex, "
                "which is checked when the file is whole.",
            ),
        ]
    },
    responses={
        HTTPStatus.CREATED: {
            "headers": _answered(Location="Where its bytes go.", Upload_Expires=_EXPIRES)
        },
        **refusals(
            *(Forbidden, WrongProtocol, Malformed, TooLarge, QuotaReached),
            StorageQuotaReached,
        ),
    },
)
async def begin_upload(
    request: Request, response: Response, caller: Writer, parts: Parts
) -> UploadView:
    """Announce a file; its bytes then go to the returned Location with PATCH."""
    if request.headers.get("content-length", "0") != "0":
        raise Malformed("send no body here; the bytes go to the returned Location with PATCH")
    length_bytes = tus.number(request, "Upload-Length")
    pairs = tus.metadata(request)
    sent = request.headers.get("upload-metadata")
    row = await begin(parts, caller, length_bytes, pairs, sent)
    response.headers["Location"] = f"{tus.PREFIX}/{row.id}"
    response.headers["Upload-Expires"] = tus.moment(row.expires_at)
    return present.upload(row, 0)


@router.get("", operation_id="list_uploads", responses=refusals(Malformed))
async def list_uploads(
    caller: Reader, db: ReadDb, paging: Paged, parts: Parts
) -> Page[UploadView]:
    """The project's resumable uploads, newest first, those that are used up included."""
    rows = await page(db, transfers.uploads(caller.project_id), Upload, paging, _same)
    views = [present.upload(row, await parts.staging.offset(row)) for row in rows.items]
    return Page(items=views, next_cursor=rows.next_cursor)


@router.get("/{upload_id}", operation_id="read_upload", responses=refusals(Missing))
async def read_upload(upload_id: str, caller: Reader, parts: Parts) -> UploadView:
    """How far an upload has got, as JSON; tus asks with HEAD."""
    row, offset_bytes = await _as_it_stands(parts, caller.project_id, upload_id)
    return present.upload(row, offset_bytes)


@router.head(
    "/{upload_id}",
    operation_id="upload_offset",
    response_class=Response,
    dependencies=_SPOKEN,
    openapi_extra={"parameters": [_VERSION]},
    responses={
        HTTPStatus.OK: {
            "headers": _answered(
                Upload_Offset="So many bytes are kept; go on from there.",
                Upload_Length="Bytes of the whole file.",
                Upload_Metadata="As it was sent.",
                Upload_Expires=_EXPIRES,
            )
        },
        **refusals(WrongProtocol, Missing),
    },
)
async def upload_offset(upload_id: str, caller: Reader, parts: Parts) -> Response:
    """Where to go on; an upload that turned out damaged is as good as gone."""
    row, offset_bytes = await _as_it_stands(parts, caller.project_id, upload_id)
    if row.damaged:
        raise Missing("other bytes came than were promised; begin a new upload")
    headers = {
        "Upload-Offset": str(offset_bytes),
        "Upload-Length": str(row.length_bytes),
        "Upload-Expires": tus.moment(row.expires_at),
        "Cache-Control": "no-store",
    }
    if row.tus_metadata is not None:
        headers["Upload-Metadata"] = row.tus_metadata
    return Response(headers=headers)


@router.patch(
    "/{upload_id}",
    status_code=HTTPStatus.NO_CONTENT,
    operation_id="send_upload",
    response_class=Response,
    dependencies=_SPOKEN,
    openapi_extra={
        "parameters": [
            _VERSION,
            _header("Upload-Offset", "Where these bytes begin.", _count(minimum=0)),
        ],
        "requestBody": {
            "required": True,
            "content": {tus.MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}},
        },
    },
    responses={
        HTTPStatus.NO_CONTENT: {
            "headers": _answered(
                Upload_Offset="So many bytes are kept.", Upload_Expires=_EXPIRES
            )
        },
        **refusals(
            Forbidden,
            *(WrongProtocol, Malformed, Missing, Conflict, TooLarge, WrongMediaType),
            *(Locked, OutOfDisk, Unavailable),
        ),
    },
)
async def send_upload(
    request: Request, upload_id: str, caller: Writer, parts: Parts
) -> Response:
    """Add bytes. However the request ends, what came is kept: HEAD tells how much. With the
    last byte the file is read through; other bytes than promised are refused."""
    tus.check_media_type(request)
    start = tus.number(request, "Upload-Offset")
    row, offset_bytes = await receive(request, parts, caller, upload_id, start)
    headers = {
        "Upload-Offset": str(offset_bytes),
        "Upload-Expires": tus.moment(row.expires_at),
    }
    return Response(status_code=HTTPStatus.NO_CONTENT, headers=headers)


@router.delete(
    "/{upload_id}",
    status_code=HTTPStatus.NO_CONTENT,
    operation_id="end_upload",
    dependencies=_SPOKEN,
    openapi_extra={"parameters": [_VERSION]},
    responses=refusals(Forbidden, WrongProtocol, Missing, Conflict),
)
async def end_upload(upload_id: str, caller: Writer, parts: Parts) -> None:
    """Give an upload up and free its space; what was made of one stays."""
    async with parts.writing() as session:
        row = await transfers.find_upload(session, caller.project_id, upload_id, hold=True)
        if row.used_by is not None:
            raise Conflict(f"the upload has become {row.used_by}; delete that instead")
        await session.execute(transfers.expire(row.id))
        session.add(caller.audit("upload.delete", row.id))
    await parts.staging.drop(row)


async def _as_it_stands(parts: Services, project_id: str, upload_id: str) -> tuple[Upload, int]:
    async with parts.reading() as session:
        row = await transfers.find_upload(session, project_id, upload_id)
    return row, await parts.staging.offset(row)


def _same(row: Upload) -> Upload:
    return row
