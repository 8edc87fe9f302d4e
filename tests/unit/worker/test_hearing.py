from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.trace import NoOpTracer
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.store import queue, training
from app.store.db import Sessions, sessions, sync_engine
from app.store.deposit import Stored
from app.store.rows import Base, Blob, Event, Job, Project, Step, StepCache
from lathe.job import JobSpec
from lathe.report import StepReport
from lathe.states import JobKind, Queue, StepState
from lathe.techniques.optimize import OptimizeGraph
from lathe.techniques.quantize import QuantizeDynamic
from lathe.views import Progress
from worker.folder import Escape, JobFolder
from worker.hearing import Hearing
from worker.keys import Ingredients
from worker.ledger import Change
from worker.lines import Garbled
from worker.stage import Chain
from worker.timeline import Timeline
from worker.wire import Entered, Progressed, Said, StepFinished, StepStarted, TrainingSaved

MODEL = "mdl_01k3aaaaaaaaaaaaaaaaaaaaaa"
SPEC = JobSpec(model=MODEL, pipeline=(OptimizeGraph(id="clean"), QuantizeDynamic(id="int8")))
CLAIM = queue.Claim(
    fence=queue.Fence("job_1", 1),
    project_id="prj_a",
    kind=JobKind.COMPRESS,
    queue=Queue.CPU,
    spec=None,
    model_id=MODEL,
    dataset_id=None,
    waited_s=0.0,
    traceparent=None,
)


class Books:
    """A ledger that always holds the job, and keeps stored files as their size and name."""

    def __init__(self, made: Sessions) -> None:
        self._made = made
        self.stored: list[Stored] = []
        self.store_is_away = False

    def write(self, change: Change) -> bool:
        with self._made.begin() as session:
            change(session, session.get_one(Job, "job_1"))
        return True

    def store(self, kind: str, path: Path) -> Stored:
        data = path.read_bytes()
        self.stored.append(Stored(f"{kind}/{len(self.stored)}", data.hex(), len(data)))
        return self.stored[-1]

    def try_to_store(self, kind: str, path: Path) -> Stored | None:
        return None if self.store_is_away else self.store(kind, path)

    def discard_strangers(self, stored: list[Stored]) -> None:
        assert stored == self.stored[-1:]


class Clock:
    """Time that only moves when told."""

    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Sessions]:
    engine = sync_engine(f"sqlite:///{tmp_path / 'lathe.db'}")
    Base.metadata.create_all(engine)
    made = sessions(engine)
    with made.begin() as session:
        session.add(Project(id="prj_a", name="a"))
        session.flush()
        job = Job(id="job_1", project_id="prj_a", kind=JobKind.COMPRESS, queue=Queue.CPU)
        session.add(job)
        session.flush()
        for position, name in enumerate(("clean", "int8")):
            session.add(Step(job_id="job_1", position=position, step_id=name, technique="t"))
        queue.claim(session, Queue.CPU, "w", 60)
    yield made
    engine.dispose()


@pytest.fixture
def folder(tmp_path: Path) -> JobFolder:
    (tmp_path / "out").mkdir()
    return JobFolder(tmp_path)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def chain() -> Chain:
    return Chain(Ingredients(SPEC, "cpu", {"baseline": "aa"}, {}, {}), 0, "aa")


@pytest.fixture
def books(made: Sessions) -> Books:
    return Books(made)


@pytest.fixture
def hearing(books: Books, folder: JobFolder, clock: Clock, chain: Chain) -> Hearing:
    return Hearing(folder, books, chain, timeline(), clock)  # type: ignore[arg-type] # a ledger's shape


def timeline() -> Timeline:
    return Timeline(NoOpTracer(), CLAIM)


def told(session: Session, kind: str) -> int:
    return len(session.scalars(select(Event).where(Event.type == kind)).all())


def fraction(made: Sessions) -> float | None:
    with made() as session:
        progress = session.get_one(Job, "job_1").progress
    return None if progress is None else float(progress["fraction"])


def progressed(share: float) -> Progressed:
    return Progressed(progress=Progress(fraction=share))


def finished(step: str, file: str) -> StepFinished:
    report = StepReport(id="other", technique="x", reused=True, wall_s=1.5, cpu_s=2.5)
    return StepFinished(step=step, checkpoint=file, report=report)


def test_progress_is_written_at_most_once_a_second_and_the_newest_wins(
    hearing: Hearing, made: Sessions, clock: Clock
) -> None:
    hearing.hear(progressed(0.1))
    assert fraction(made) == 0.1
    for share in (0.2, 0.3):
        clock.now_s += 0.3
        hearing.hear(progressed(share))
    assert fraction(made) == 0.1
    clock.now_s += 0.5
    hearing.flush()
    assert fraction(made) == 0.3


def test_the_feed_hears_of_progress_at_most_every_five_seconds(
    hearing: Hearing, made: Sessions, clock: Clock
) -> None:
    for share in range(12):
        hearing.hear(progressed(share / 12))
        clock.now_s += 1.0
    with made() as session:
        assert told(session, "progressed") == 3  # after 0, 5 and 10 seconds


def test_progress_without_a_step_belongs_to_the_one_that_runs(
    hearing: Hearing, made: Sessions
) -> None:
    hearing.hear(progressed(0.25))
    with made() as session:
        assert session.get_one(Job, "job_1").progress == {
            **Progress(fraction=0.25, step="clean").model_dump(mode="json")
        }
        steps = session.scalars(select(Step.fraction).order_by(Step.position)).all()
    assert steps == [0.25, 0.0]


def test_a_finished_step_is_stored_cached_and_what_the_next_one_starts_from(
    hearing: Hearing, made: Sessions, folder: JobFolder, chain: Chain
) -> None:
    key = chain.key()
    (folder.out / "c1").write_bytes(b"\x01\x02")
    hearing.hear(StepStarted(step="clean"))
    hearing.hear(finished("clean", "c1"))
    with made() as session:
        (step,) = session.scalars(select(Step).where(Step.step_id == "clean"))
        (cached,) = session.scalars(select(StepCache))
        (blob,) = session.scalars(select(Blob))
    assert (step.state, step.fraction) == (StepState.SUCCEEDED, 1.0)
    assert step.report is not None
    assert (step.report["id"], step.report["technique"]) == ("clean", "optimize.graph")
    assert step.report["reused"] is False
    assert (cached.key, cached.checkpoint_blob_id) == (key, blob.id)
    assert (blob.sha256, blob.size_bytes) == ("0102", 2)
    assert (chain.step_id, chain.input_sha256) == ("int8", "0102")


def test_a_training_is_kept_under_its_step_s_key_until_the_step_is_done(
    hearing: Hearing, made: Sessions, folder: JobFolder, chain: Chain
) -> None:
    key = chain.key()
    hearing.hear(StepStarted(step="clean"))
    for number, data in enumerate((b"\1\2", b"\1\2\3"), start=1):
        name = f"training-1-{number}.safetensors"
        (folder.out / name).write_bytes(data)
        hearing.hear(TrainingSaved(step="clean", file=name, epoch=number))
        assert not (folder.out / name).exists()
    with made() as session:
        assert training.find(session, "prj_a", key) == Stored("training/1", "010203", 3)
    (folder.out / "clean.checkpoint").write_bytes(b"\4")
    hearing.hear(finished("clean", "clean.checkpoint"))
    with made() as session:
        assert training.find(session, "prj_a", key) is None
        keys = select(Blob.key).where(Blob.doomed_at.is_not(None)).order_by(Blob.key)
        assert session.scalars(keys).all() == ["training/0", "training/1"]


def test_a_training_goes_on_when_the_store_does_not_take_how_far_it_is(
    hearing: Hearing, books: Books, made: Sessions, folder: JobFolder, chain: Chain
) -> None:
    books.store_is_away = True
    hearing.hear(StepStarted(step="clean"))
    (folder.out / "t").write_bytes(b"\1")
    hearing.hear(TrainingSaved(step="clean", file="t", epoch=1))
    assert not (folder.out / "t").exists()
    with made() as session:
        assert training.find(session, "prj_a", chain.key()) is None


def test_states_of_a_training_that_come_much_too_soon_are_not_stored(
    books: Books, folder: JobFolder, clock: Clock, chain: Chain
) -> None:
    hearing = Hearing(folder, books, chain, timeline(), clock, training_every_s=60)  # type: ignore[arg-type]
    hearing.hear(StepStarted(step="clean"))
    for epoch, at_s in enumerate((100.0, 129.9, 130.0, 131.0)):
        clock.now_s = at_s
        (folder.out / "t").write_bytes(bytes([epoch]))
        hearing.hear(TrainingSaved(step="clean", file="t", epoch=epoch))
        assert not (folder.out / "t").exists()
    assert [each.sha256 for each in books.stored] == ["00", "02"]


@pytest.mark.parametrize(
    "message", [StepStarted(step="int8"), finished("int8", "c1"), StepStarted(step="none")]
)
def test_a_step_out_of_order_is_refused(
    hearing: Hearing, folder: JobFolder, message: StepStarted | StepFinished
) -> None:
    (folder.out / "c1").write_bytes(b"x")
    with pytest.raises(Garbled, match="not the next one"):
        hearing.hear(message)


def test_a_step_begins_once(hearing: Hearing) -> None:
    hearing.hear(StepStarted(step="clean"))
    with pytest.raises(Garbled, match="twice"):
        hearing.hear(StepStarted(step="clean"))


def test_a_phase_is_entered_once(hearing: Hearing) -> None:
    hearing.hear(Entered(phase="measure"))
    hearing.hear(Entered(phase="report"))
    with pytest.raises(Garbled, match="the phase 'measure' twice"):
        hearing.hear(Entered(phase="measure"))


def test_a_checkpoint_outside_the_folder_is_refused(hearing: Hearing) -> None:
    with pytest.raises(Escape):
        hearing.hear(finished("clean", "../in/task.json"))


def test_a_talkative_child_fills_neither_line_nor_feed(
    hearing: Hearing, made: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.hearing._MOST_LINES", 3)
    for _ in range(5):
        hearing.hear(Said(text="a" * 5000))
    with made() as session:
        rows = session.scalars(select(Event).where(Event.type == "said").order_by(Event.seq))
        texts = [event.data["text"] for event in rows]
    assert [len(text) for text in texts[:2]] == [2000, 2000]
    assert texts[2:] == ["more than 3 lines; the rest is left out"]
