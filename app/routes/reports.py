"""What a job has to show: its artifacts and its report."""

from fastapi import APIRouter, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from app import present
from app.auth import Caller, Reader
from app.http.deps import Paged, Parts, ReadDb
from app.http.download import File, file_answers, send
from app.http.listing import page
from app.http.problems import refusals
from app.store import jobs, results
from app.store.rows import Artifact
from lathe.errors import Malformed, Missing, NotReady
from lathe.report import Report
from lathe.states import JobState
from lathe.views import ArtifactView, Page

router = APIRouter(prefix="/v1/jobs/{job_id}", tags=["artifacts"])


@router.get("/artifacts", operation_id="list_artifacts", responses=refusals(Missing, Malformed))
async def list_artifacts(
    job_id: str, caller: Reader, db: ReadDb, paging: Paged
) -> Page[ArtifactView]:
    """The job's files, newest first; none before it has ended. Those of a failed job are of
    the best so far, where a step had changed something."""
    await jobs.find(db, caller.project_id, job_id)
    statement = results.artifacts(caller.project_id).where(Artifact.job_id == job_id)
    return await page(db, statement, Artifact, paging, present.artifact)


@router.get(
    "/report",
    operation_id="read_report",
    response_class=Response,
    responses=file_answers(
        "application/json",
        Missing,
        NotReady,
        whole={"model": Report, "description": "The measured proof"},
    ),
)
async def read_report(
    job_id: str, caller: Reader, db: ReadDb, parts: Parts, request: Request
) -> Response:
    """Verdict, baseline against candidates, layers, environment and seeds."""
    file = await _file(db, caller, job_id, "report.json")
    return await send(request, parts.objects, file)


@router.get(
    "/report.html",
    operation_id="read_report_page",
    response_class=Response,
    responses=file_answers(
        "text/html", Missing, NotReady, whole={"description": "The same as one page"}
    ),
)
async def read_report_page(
    job_id: str, caller: Reader, db: ReadDb, parts: Parts, request: Request
) -> Response:
    """The report as one self-contained page with plots."""
    file = await _file(db, caller, job_id, "report.html")
    return await send(request, parts.objects, file)


async def _file(session: AsyncSession, caller: Caller, job_id: str, kind: str) -> File:
    job = await jobs.find(session, caller.project_id, job_id)
    if not JobState(job.state).finished:
        raise NotReady(f"the job is {job.state}; its report comes when it has ended")
    statement = results.artifacts(caller.project_id).where(
        Artifact.job_id == job_id, Artifact.kind == kind
    )
    row = (await session.execute(statement)).first()
    if row is None:
        raise Missing(f"this job made no {kind}; it has {job.state}")
    artifact, blob = row
    return File(blob, artifact.name, artifact.media_type, inline=True)
