from datetime import UTC, datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.store import cache, endings
from app.store.deposit import Stored, deposit, strangers
from app.store.doomed import take_doomed
from app.store.endings import NewArtifact
from app.store.queue import claim, held
from app.store.rows import (
    Artifact,
    Blob,
    DeadObject,
    Event,
    Job,
    MeasurementRow,
    Model,
    StepCache,
)
from lathe.errors import TrainingDiverged
from lathe.job import JobSpec
from lathe.report import Candidate, Environment, Measurement, Report, StepReport, Verdict
from lathe.states import JobKind, JobState, Queue
from lathe.techniques.optimize import OptimizeGraph

MODEL, BASELINE = "mdl_01k3aaaaaaaaaaaaaaaaaaaaaa", "mdl_01k3bbbbbbbbbbbbbbbbbbbbbb"
SPEC = JobSpec(model=MODEL, baseline=BASELINE, pipeline=(OptimizeGraph(id="s"),))
LONG_AGO = datetime(2001, 5, 7, tzinfo=UTC)


def stored(name: str, sha256: str, size_bytes: int = 7) -> Stored:
    return Stored(f"k/{name}", sha256, size_bytes)


def running(session: Session) -> Job:
    blob = deposit(session, "prj_a", stored("model", "m0"))
    for model in (MODEL, BASELINE):
        session.add(Model(id=model, project_id="prj_a", upload_blob_id=blob))
    session.flush()
    session.add(
        Job(
            id="job_1",
            project_id="prj_a",
            kind=JobKind.COMPRESS,
            queue=Queue.CPU,
            spec=SPEC.model_dump(mode="json"),
        )
    )
    session.flush()
    claimed = claim(session, Queue.CPU, "w", 60)
    assert claimed is not None
    job = held(session, claimed.fence)
    assert job is not None
    return job


def number(metric: str, value: float, batch_size: int | None = None) -> Measurement:
    return Measurement(metric=metric, value=value, unit="u", batch_size=batch_size)


def report() -> Report:
    def candidate(name: str, *numbers: Measurement) -> Candidate:
        return Candidate(id=name, file="f", sha256="0", measurements=numbers)

    return Report(
        spec=SPEC.model_copy(update={"model": BASELINE}),  # not to be believed
        verdict=Verdict(best="s", constraints_met=True, realised="smaller", sentence="good"),
        baseline=candidate("baseline", number("size_bytes", 90), number("latency_ms", 5, 1)),
        candidates=(candidate("s", number("size_bytes", 30)),),
        steps=(),
        environment=Environment(
            lathe_version="1",
            libraries={},
            cpu="c",
            cores=3,
            threads=1,
            device="cpu",
            platform="p",
            seed=0,
        ),
    )


def test_the_same_content_is_one_blob_of_a_project_and_another_of_the_next(
    session: Session,
) -> None:
    first = deposit(session, "prj_a", stored("1", "aa"))
    session.execute(update(Blob).values(doomed_at=LONG_AGO))
    second = deposit(session, "prj_a", stored("2", "aa"))
    other = deposit(session, "prj_b", stored("3", "aa"))
    assert first == second != other
    assert session.scalars(select(Blob.doomed_at).where(Blob.id == first)).one() is None
    assert strangers(session, ["k/1", "k/2", "k/3", "k/4"]) == ["k/2", "k/4"]


def test_a_compression_ends_with_its_files_numbers_and_verdict(session: Session) -> None:
    job = running(session)
    files = [
        NewArtifact(stored("a", "aa"), "onnx", "m.onnx", "application/onnx", "s"),
        NewArtifact(stored("b", "bb"), "report.json", "r.json", "application/json", None),
    ]
    endings.compressed(session, job, report(), files)
    session.flush()
    assert (job.state, job.lease_until, job.failure) == (JobState.SUCCEEDED, None, None)
    assert job.verdict is not None
    assert job.verdict["sentence"] == "good"
    kinds = session.execute(select(Artifact.kind, Artifact.candidate).order_by(Artifact.kind))
    assert [tuple(row) for row in kinds] == [("onnx", "s"), ("report.json", None)]
    rows = session.scalars(select(MeasurementRow).order_by(MeasurementRow.value)).all()
    assert [(r.metric, r.value, r.role, r.model_id, r.batch_size) for r in rows] == [
        ("latency_ms", 5.0, "baseline", BASELINE, 1),
        ("size_bytes", 30.0, "candidate", MODEL, None),
        ("size_bytes", 90.0, "baseline", BASELINE, None),
    ]
    types = session.scalars(select(Event.type).order_by(Event.seq)).all()
    assert types == ["started", "succeeded"]


def test_a_job_of_which_a_step_failed_ends_as_failed_with_the_files_of_the_best_so_far(
    session: Session,
) -> None:
    job = running(session)
    failure = TrainingDiverged("the loss is not finite").failure()
    failed = report().model_copy(update={"failure": failure.model_copy(update={"step": 2})})
    files = [NewArtifact(stored("a", "aa"), "onnx", "m.onnx", "application/onnx", "s")]
    endings.compressed(session, job, failed, files)
    session.flush()
    assert job.state == JobState.FAILED
    assert job.failure is not None
    assert (job.failure["code"], job.failure["step"]) == ("training_diverged", 2)
    assert job.verdict is not None
    assert job.verdict["best"] == "s"
    assert session.scalars(select(Artifact.candidate)).all() == ["s"]
    last = session.scalars(select(Event).order_by(Event.seq.desc())).first()
    assert last is not None
    assert (last.type, last.data["code"]) == ("failed", "training_diverged")


def test_the_first_writer_of_a_cache_key_wins(session: Session) -> None:
    for name, wall_s in (("1", 1.5), ("2", 9.5)):
        told = StepReport(id=name, technique="t", wall_s=wall_s, cpu_s=0)
        cache.keep(session, "prj_a", f"job_{name}", "key", stored(name, f"sha{name}"), told)
    hit = cache.find(session, "prj_a", "key")
    assert hit is not None
    assert (hit.report.id, hit.checkpoint.sha256) == ("1", "sha1")
    assert cache.find(session, "prj_b", "key") is None
    assert cache.find(session, "prj_a", "other") is None


def test_a_doomed_checkpoint_is_no_hit(session: Session) -> None:
    told = StepReport(id="s", technique="t", wall_s=1, cpu_s=0)
    cache.keep(session, "prj_a", "job_1", "key", stored("1", "aa"), told)
    session.execute(update(Blob).values(doomed_at=LONG_AGO))
    assert cache.find(session, "prj_a", "key") is None


def test_only_blobs_doomed_long_ago_that_nothing_names_are_taken(session: Session) -> None:
    told = StepReport(id="s", technique="t", wall_s=1, cpu_s=0)
    cache.keep(session, "prj_a", "job_1", "key", stored("named", "aa"), told)
    for name in ("old", "young", "wanted"):
        deposit(session, "prj_a", stored(name, name))
    old = Blob.key.in_(["k/named", "k/old"])
    session.execute(update(Blob).where(old).values(doomed_at=LONG_AGO))
    young = update(Blob).where(Blob.key == "k/young")
    session.execute(young.values(doomed_at=datetime.now(UTC)))
    assert take_doomed(session, older_than_s=3600) == 2
    assert session.scalars(select(DeadObject.key)).all() == ["k/old"]
    left = session.execute(select(Blob.key, Blob.doomed_at.is_(None)).order_by(Blob.key))
    assert [tuple(row) for row in left] == [
        ("k/named", True),
        ("k/wanted", True),
        ("k/young", False),
    ]
    assert len(session.scalars(select(StepCache)).all()) == 1
