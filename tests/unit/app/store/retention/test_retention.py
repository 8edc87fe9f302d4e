"""What is old is deleted, what something still needs is not; by hand, with lopsided ages."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.store import cache
from app.store.deposit import Stored, deposit
from app.store.quotas.minutes import gpu_minutes_of_all, this_month
from app.store.retention import finished, passing, step_cache, unused
from app.store.rows import (
    ApiKey,
    Artifact,
    Attempt,
    Audit,
    Base,
    Blob,
    Dataset,
    Event,
    IdempotencyKey,
    Job,
    MeasurementRow,
    Model,
    PageSession,
    Step,
    StepCache,
    Webhook,
)
from lathe.report import StepReport
from lathe.states import JobKind, JobState, Queue, UploadState

NOW = datetime.now(UTC)
DAY_S = 86_400.0
TOLD = StepReport(id="s", technique="t", wall_s=1, cpu_s=0)


def ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def blob(session: Session, name: str, size_bytes: int = 1, project: str = "prj_a") -> str:
    return deposit(session, project, Stored(f"k/{name}", name, size_bytes))


def job(
    session: Session, name: str, days: float | None, spec: dict[str, object] | None = None
) -> str:
    """A job of prj_a that ended so many days ago; None: it runs."""
    session.add(
        Job(
            id=f"job_{name}",
            project_id="prj_a",
            kind=JobKind.COMPRESS,
            queue=Queue.CPU,
            state=JobState.RUNNING if days is None else JobState.SUCCEEDED,
            finished_at=None if days is None else ago(days),
            spec=spec or {},
        )
    )
    session.flush()
    return f"job_{name}"


def artifact(session: Session, job_id: str, name: str) -> None:
    row = Artifact(project_id="prj_a", job_id=job_id, blob_id=blob(session, name))
    row.kind, row.name, row.media_type = "onnx", name, "application/onnx"
    session.add(row)
    session.flush()


def model(session: Session, name: str, days: float) -> Model:
    row = Model(id=f"mdl_{name}", project_id="prj_a", state=UploadState.READY)
    row.upload_blob_id = blob(session, f"up_{name}")
    row.canonical_blob_id = blob(session, f"canon_{name}")
    row.created_at = ago(days)
    session.add(row)
    session.flush()
    return row


def left(session: Session, row: type[Base]) -> int:
    session.expire_all()
    return session.scalar(select(func.count()).select_from(row)) or 0


def doomed(session: Session) -> set[str]:
    session.expire_all()
    return set(session.scalars(select(Blob.sha256).where(Blob.doomed_at.is_not(None))))


def test_a_jobs_files_go_and_its_verdict_stays(session: Session) -> None:
    for name, days in (("old", 9.5), ("young", 8.5), ("running", None)):
        artifact(session, job(session, name, days), name)
    assert finished.forget_artifacts(session, 9 * DAY_S) == 1
    assert finished.forget_artifacts(session, 9 * DAY_S) == 0
    assert session.scalars(select(Artifact.job_id).order_by(Artifact.job_id)).all() == [
        "job_running",
        "job_young",
    ]
    assert left(session, Job) == 3
    assert doomed(session) == {"old"}


def test_a_file_that_a_younger_job_made_too_keeps_its_bytes(session: Session) -> None:
    old, young = job(session, "old", 9.5), job(session, "young", 1)
    for each in (old, young):
        artifact(session, each, "alike")
    finished.forget_artifacts(session, 9 * DAY_S)
    assert (left(session, Artifact), doomed(session)) == (1, set())
    finished.forget_jobs(session, 0.5 * DAY_S)
    assert (left(session, Artifact), doomed(session)) == (0, {"alike"})


def test_a_job_goes_with_all_that_is_its_own(session: Session) -> None:
    old, other = job(session, "old", 9.5), job(session, "other", 1)
    session.get_one(Job, other).retry_of = old
    artifact(session, old, "file")
    model(session, "m", 20)
    for each in (old, other):
        session.add(Event(job_id=each, seq=1, type="queued"))
        row = MeasurementRow(project_id="prj_a", job_id=each, model_id="mdl_m")
        row.role, row.metric, row.value, row.data, row.environment = "candidate", "x", 1, {}, {}
        key = IdempotencyKey(project_id="prj_a", key=each, body_sha256="", job_id=each)
        session.add_all([row, key])
    steps = ((old, "mine"), (old, "gone on from"), (other, "gone on from"))
    for position, (each, made) in enumerate(steps):
        blob_id = cache.keep(session, "prj_a", old, made, Stored(f"k/{made}", made, 1), TOLD)
        step = Step(job_id=each, position=position, step_id=made, technique="t")
        step.checkpoint_blob_id = blob_id
        session.add(step)
    session.flush()
    assert finished.forget_jobs(session, 9 * DAY_S) == 1
    assert session.scalars(select(Job.id)).all() == [other]
    for table, count in ((Event, 1), (MeasurementRow, 1), (IdempotencyKey, 1), (Step, 1)):
        assert left(session, table) == count, table
    assert session.get_one(Job, other).retry_of is None
    assert session.scalars(select(StepCache.key)).all() == ["gone on from"]
    assert doomed(session) == {"file", "mine"}


def test_a_step_is_kept_for_its_days_and_its_checkpoint_with_it(session: Session) -> None:
    ended, running = job(session, "ended", 1), job(session, "running", None)
    for position, (key, job_id, days) in enumerate(
        (("old", ended, 9.5), ("in use", running, 9.5), ("young", ended, 8.5))
    ):
        blob_id = cache.keep(session, "prj_a", job_id, key, Stored(f"k/{key}", key, 1), TOLD)
        session.get_one(StepCache, ("prj_a", key)).created_at = ago(days)
        step = Step(job_id=job_id, position=position, step_id=key, technique="t")
        step.checkpoint_blob_id = blob_id
        session.add(step)
    session.flush()
    assert step_cache.forget_checkpoints(session) == 0
    assert step_cache.forget_old(session, 9 * DAY_S) == 2
    assert doomed(session) == set()  # the steps of the jobs still name them
    assert step_cache.forget_checkpoints(session) == 1
    assert doomed(session) == {"old"}
    session.get_one(Job, running).finished_at = NOW
    session.flush()
    assert step_cache.forget_checkpoints(session) == 1
    assert doomed(session) == {"old", "in use"}


def test_each_projects_cache_keeps_its_newest_bytes(session: Session) -> None:
    for project, key, days, size_bytes in (
        ("prj_a", "a1", 1, 30),
        ("prj_a", "a2", 2, 50),
        ("prj_a", "a3", 3, 25),
        ("prj_a", "a4", 4, 1),
        ("prj_b", "b1", 1, 900),
        ("prj_b", "b2", 2, 1),
    ):
        cache.keep(session, project, "job_x", key, Stored(f"k/{key}", key, size_bytes), TOLD)
        session.get_one(StepCache, (project, key)).created_at = ago(days)
    session.flush()
    assert step_cache.forget_over(session, 104) == 3  # 30 + 50 + 25 are 105
    assert set(session.scalars(select(StepCache.key))) == {"a1", "a2", "b1"}
    assert doomed(session) == {"a3", "a4", "b2"}
    assert step_cache.forget_over(session, 104) == 0


@pytest.mark.parametrize("field", ["model", "baseline", "teacher"])
def test_a_model_is_kept_while_a_young_or_running_job_names_it_anywhere(
    session: Session, field: str
) -> None:
    spec: dict[str, object] = {"model": "mdl_x", field: "mdl_named"}
    if field == "teacher":
        spec = {"pipeline": [{"teachers": [{"model": "mdl_named"}]}]}
    named, old, young = [
        model(session, name, days) for name, days in (("named", 9), ("old", 9), ("young", 6))
    ]
    using = session.get_one(Job, job(session, "using", None, spec))
    assert unused.forget_models(session, 7 * DAY_S) == 1
    assert set(session.scalars(select(Model.id))) == {named.id, young.id}
    assert doomed(session) == {"up_old", "canon_old"}
    row = session.scalars(select(Audit)).one()
    assert (row.action, row.target, row.key_id) == ("model.expire", old.id, None)
    for ended, count in ((6.5, 0), (7.5, 1)):
        using.finished_at, using.state = ago(ended), JobState.SUCCEEDED
        session.flush()
        assert unused.forget_models(session, 7 * DAY_S) == count


def test_a_data_set_is_kept_in_the_same_way(session: Session) -> None:
    for name in ("named", "old"):
        row = Dataset(id=f"dat_{name}", project_id="prj_a", state=UploadState.READY)
        row.upload_blob_id, row.created_at = blob(session, name), ago(9)
        session.add(row)
    session.flush()
    spec: dict[str, object] = {"data": {"train": {"dataset": "dat_named"}}}
    job(session, "using", 6, spec)
    assert unused.forget_datasets(session, 7 * DAY_S) == 1
    assert session.scalars(select(Dataset.id)).all() == ["dat_named"]
    assert doomed(session) == {"old"}


def attempt(
    session: Session, name: str, began: datetime, ended: datetime | None, number: int = 1
) -> None:
    row = Attempt(job_id=f"job_{name}", attempt=number, project_id="prj_a", queue=Queue.GPU)
    row.started_at, row.ended_at = began, ended
    session.add(row)
    session.flush()


def attempts(session: Session) -> set[tuple[str, int]]:
    session.expire_all()
    rows = session.scalars(select(Attempt))
    return {(row.job_id.removeprefix("job_"), row.attempt) for row in rows}


def test_an_attempt_goes_at_its_age_with_or_without_its_job(session: Session) -> None:
    job(session, "there", 99)
    for name in ("there", "gone"):
        attempt(session, name, ago(101.5), ago(100.5), number=1)
        attempt(session, name, ago(101.5), ago(99.5), number=2)
    assert passing.forget_attempts(session, 100 * DAY_S) == 2
    assert passing.forget_attempts(session, 100 * DAY_S) == 0
    assert attempts(session) == {("there", 2), ("gone", 2)}


def test_an_attempt_that_counts_in_this_month_stays_whatever_its_age(session: Session) -> None:
    since, _ = this_month(session)
    minute = timedelta(minutes=1)
    attempt(session, "before", since - 9 * minute, since - minute)
    attempt(session, "across", since - 9 * minute, since + minute)
    counted = gpu_minutes_of_all(session)
    assert passing.forget_attempts(session, 1e-6) == 1
    assert attempts(session) == {("across", 1)}
    assert gpu_minutes_of_all(session) == counted == {"prj_a": pytest.approx(1)}


def test_an_attempt_that_was_not_closed_stays_while_its_job_may_say_when_it_ended(
    session: Session,
) -> None:
    job(session, "runs", None)
    session.get_one(Job, "job_runs").attempt = 2
    job(session, "old", 100.5)
    job(session, "young", 99.5)
    for name in ("old", "young"):
        session.get_one(Job, f"job_{name}").queued_at = ago(103)
    for name in ("runs", "old", "young", "gone"):
        attempt(session, name, ago(102), None, number=2)
    assert passing.forget_attempts(session, 100 * DAY_S) == 2
    assert attempts(session) == {("runs", 2), ("young", 2)}


def test_what_passes_is_forgotten_at_its_age_and_no_earlier(session: Session) -> None:
    key = ApiKey(id="key_a", project_id="prj_a", name="k", secret_sha256="", scopes=[])
    session.add(key)
    session.flush()
    made = job(session, "j", 1)
    for name, days in (("old", 9.5), ("young", 8.5)):
        idempotency = IdempotencyKey(project_id="prj_a", key=name, body_sha256="", job_id=made)
        idempotency.created_at = ago(days)
        audit = Audit(project_id="prj_a", action=name, at=ago(days))
        session.add_all([idempotency, audit])
    for token, ends in (("over", -0.1), ("on", 0.1)):
        session.add(PageSession(token_sha256=token, key_id="key_a", expires_at=ago(-ends)))
        hook = Webhook(id=f"whk_{token}", project_id="prj_a", url="u", secret="s", events=[])
        hook.former_secret, hook.former_secret_until = "f", ago(-ends)
        session.add(hook)
    session.flush()
    assert passing.forget_idempotency_keys(session, 9 * DAY_S) == 1
    assert passing.forget_audit(session, 9 * DAY_S) == 1
    assert passing.forget_page_sessions(session) == 1
    assert passing.forget_former_secrets(session) == 1
    session.expire_all()
    assert session.scalars(select(IdempotencyKey.key)).all() == ["young"]
    assert session.scalars(select(Audit.action)).all() == ["young"]
    assert session.scalars(select(PageSession.token_sha256)).all() == ["on"]
    secrets = {row.id: row.former_secret for row in session.scalars(select(Webhook))}
    assert secrets == {"whk_over": None, "whk_on": "f"}
