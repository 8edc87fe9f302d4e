"""A project's bytes by kind, each counted once."""

from datetime import UTC, datetime, timedelta

from sqlalchemy.orm import Session

from app.store.quotas.stored import Stored, stored
from app.store.rows import Artifact, Blob, Dataset, Model, StepCache, Upload
from lathe.states import JobState, Queue
from tests.unit.app.store.quotas.played import job

LATER = datetime.now(UTC) + timedelta(days=1)
GONE = datetime.now(UTC) - timedelta(seconds=1)


def blob(name: str, size_bytes: int, **values: object) -> Blob:
    return Blob(
        id=f"blb_{name}",
        project_id=f"prj_{name[0]}",
        key=name,
        sha256=name,
        size_bytes=size_bytes,
        **values,
    )


def upload(
    name: str, length_bytes: int, expires_at: datetime = LATER, **values: object
) -> Upload:
    return Upload(
        project_id=f"prj_{name[0]}",
        length_bytes=length_bytes,
        stage_key=name,
        expires_at=expires_at,
        **values,
    )


def artifact(name: str, blob_id: str) -> Artifact:
    return Artifact(
        id=f"art_{name}",
        project_id="prj_a",
        job_id="job_a",
        blob_id=blob_id,
        kind="onnx",
        name=name,
        media_type="x/y",
    )


def test_each_kind_is_added_up_and_what_two_name_counts_once(session: Session) -> None:
    session.add(job("a", Queue.CPU, JobState.SUCCEEDED))
    session.add_all([blob("a1", 1), blob("a2", 20), blob("a3", 300), blob("a4", 4000)])
    session.add_all([blob("a5", 50_000), blob("a6", 600_000, doomed_at=GONE), blob("b1", 9)])
    session.flush()
    session.add_all(
        [
            Model(project_id="prj_a", upload_blob_id="blb_a1", canonical_blob_id="blb_a2"),
            Model(project_id="prj_a", upload_blob_id="blb_a1", canonical_blob_id="blb_a1"),
            Dataset(project_id="prj_a", canonical_blob_id="blb_a3"),
            artifact("same", "blb_a2"),
            artifact("own", "blb_a4"),
            StepCache(
                project_id="prj_a",
                key="k",
                checkpoint_blob_id="blb_a5",
                report={},
                job_id="job_a",
            ),
            Model(project_id="prj_b", upload_blob_id="blb_b1"),
            upload("a-open", 7_000_000),
            upload("a-old", 1, GONE),
            upload("a-used", 2, used_by="mdl_x"),
            upload("a-damaged", 3, sha256="promised", found_sha256="other"),
            upload("b-open", 4),
        ]
    )
    session.flush()
    found = stored(session, "prj_a")
    assert found == Stored(
        models=21, datasets=300, artifacts=4000, uploads=7_000_000, checkpoints=50_000
    )
    assert found.counted == 7_004_321
    assert stored(session, "prj_b") == Stored(models=9, uploads=4)
