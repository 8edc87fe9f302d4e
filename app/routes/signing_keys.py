"""The public keys of this installation, that `lathe verify` checks manifests with."""

from fastapi import APIRouter, Response

from app.auth import Reader
from app.http.deps import ReadDb
from app.http.problems import refusals
from app.store import signing_keys
from app.store.rows import SigningKey
from lathe.errors import Missing
from lathe.views import Page, SigningKeyView

router = APIRouter(prefix="/v1/signing-keys", tags=["artifacts"])


@router.get("", operation_id="list_signing_keys", responses=refusals())
async def list_signing_keys(_caller: Reader, db: ReadDb) -> Page[SigningKeyView]:
    """Every key that manifests were signed with, the one that signed last first.

    Keys belong to the installation, so every project sees them all. Old ones stay: they check
    the manifests of their time.
    """
    keys = await db.scalars(signing_keys.newest_first())
    return Page(items=[SigningKeyView.model_validate(row) for row in keys])


@router.get(
    "/{key_id}/pem",
    operation_id="download_signing_key",
    response_class=Response,
    responses={
        200: {"content": {"application/x-pem-file": {}}, "description": "The public key"},
        **refusals(Missing),
    },
)
async def download_signing_key(key_id: str, _caller: Reader, db: ReadDb) -> Response:
    """One public key as the file that `lathe verify --key` takes; `latest` is the one that
    signed last."""
    rows = signing_keys.newest_first()
    if key_id != "latest":
        rows = rows.where(SigningKey.id == key_id)
    row = (await db.scalars(rows.limit(1))).one_or_none()
    if row is None:
        raise Missing(
            "there is no such key; one is made when the first job ends", param="key_id"
        )
    return Response(row.public_key, media_type="application/x-pem-file")
