"""Files that jobs made."""

from fastapi import APIRouter, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from app import present
from app.auth import Caller, Reader
from app.http.deps import Parts, ReadDb
from app.http.download import File, file_answers, send
from app.http.problems import refusals
from app.store import results
from app.store.rows import Artifact, Blob
from lathe.errors import Missing
from lathe.views import ArtifactView

router = APIRouter(prefix="/v1/artifacts", tags=["artifacts"])


@router.get("/{artifact_id}", operation_id="read_artifact", responses=refusals(Missing))
@router.head("/{artifact_id}", include_in_schema=False)
async def read_artifact(artifact_id: str, caller: Reader, db: ReadDb) -> ArtifactView:
    """An artifact's name, size and sha256."""
    return present.artifact(*await _artifact(db, caller, artifact_id))


@router.get(
    "/{artifact_id}/content",
    operation_id="download_artifact",
    response_class=Response,
    responses=file_answers("*/*", Missing),
)
@router.head("/{artifact_id}/content", include_in_schema=False)
async def download_artifact(
    artifact_id: str, caller: Reader, db: ReadDb, parts: Parts, request: Request
) -> Response:
    """The file itself: `Range`, `If-Range` and `If-None-Match` work; the ETag is its sha256."""
    artifact, blob = await _artifact(db, caller, artifact_id)
    return await send(request, parts.objects, File(blob, artifact.name, artifact.media_type))


async def _artifact(
    session: AsyncSession, caller: Caller, artifact_id: str
) -> tuple[Artifact, Blob]:
    found = await session.execute(
        results.artifacts(caller.project_id).where(Artifact.id == artifact_id)
    )
    row = found.one_or_none()
    if row is None:
        raise Missing("there is no such artifact", param="artifact_id")
    return row[0], row[1]
