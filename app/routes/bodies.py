"""Bodies that FastAPI does not parse: how they are read, and described in OpenAPI."""

from json import JSONDecodeError
from typing import Annotated, Any

from fastapi import Depends, Query, Request
from pydantic import ValidationError

from app.arrival import Announcement
from app.http import wording
from app.http.problems import SpecRefused
from lathe.errors import InvalidRequest, Malformed
from lathe.ids import UploadId
from lathe.names import Name
from lathe.reference import Reference


async def _announced(
    request: Request,
    name: Annotated[Name | None, Query(description="For people.")] = None,
    upload: Annotated[
        UploadId | None,
        Query(
            description="A resumable upload (`POST /v1/uploads`) that is whole; send no body "
            "then. Without `name` it gives its filename."
        ),
    ] = None,
) -> Announcement:
    sent = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if sent != "application/json" or upload is not None:
        return Announcement(name, upload, None)
    reference = _reference(await json_body(request))
    return Announcement(name or reference.name, None, reference)


def _reference(body: Any) -> Reference:
    try:
        return Reference.model_validate(body)
    except ValidationError as error:
        listed = wording.field_problems(error.errors(), body)
        raise SpecRefused(
            InvalidRequest(each.detail, param=each.param) for each in listed
        ) from None


Announced = Annotated[Announcement, Depends(_announced)]
RAW_BODY: dict[str, Any] = {
    "parameters": [
        {
            "name": name,
            "in": "header",
            "required": False,
            "description": meaning,
            "schema": {"type": "string"},
        }
        for name, meaning in (
            ("X-Content-SHA256", "SHA-256 of the body in hex; it is checked."),
            ("Repr-Digest", "The same as RFC 9530 writes it: sha-256=:<base64>:"),
        )
    ],
    "requestBody": {
        "required": False,
        "content": {
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
            "application/json": {"schema": {"$ref": "#/components/schemas/Reference"}},
        },
    },
}
SPEC_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/JobSpec"}}},
    },
}


async def json_body(request: Request) -> Any:
    """The body as JSON, not checked any further; raises Malformed."""
    try:
        return await request.json()
    except (JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(f"the body is not JSON: {error}") from None
