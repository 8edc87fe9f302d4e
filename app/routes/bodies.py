"""Bodies that FastAPI does not parse: how they are read, and described in OpenAPI."""

from json import JSONDecodeError
from typing import Annotated, Any

from fastapi import Depends, Query, Request

from app.arrival import Announcement
from lathe.errors import Malformed
from lathe.ids import UploadId


def _announced(
    name: Annotated[str | None, Query(min_length=1, max_length=200)] = None,
    upload: Annotated[
        UploadId | None,
        Query(
            description="A resumable upload (`POST /v1/uploads`) that is whole; send no body "
            "then. Without `name` it gives its filename."
        ),
    ] = None,
) -> Announcement:
    return Announcement(name, upload)


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
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}}
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
