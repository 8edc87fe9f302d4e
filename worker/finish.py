"""The last write of an attempt: one transaction behind the fence, or nothing."""

import logging
from typing import assert_never

from sqlalchemy.exc import DataError
from sqlalchemy.orm import Session

from app.store import endings, queue, signing_keys
from app.store.deposit import Stored
from app.store.endings import NewArtifact
from app.store.rows import Job
from lathe.errors import Internal, OutOfDisk, Refused, Unavailable
from lathe.states import JobState
from worker.attest import attest
from worker.folder import Escape, JobFolder
from worker.ledger import Change, Ledger
from worker.outcome import Failed, Outcome, Postponed, Stop
from worker.sandbox.post_mortem import Crash
from worker.signer import Signer
from worker.tallied import tallied
from worker.timeline import Stage, Timeline
from worker.wire import Compressed, DatasetInspected, ModelInspected, OutFile

log = logging.getLogger(__name__)


def finish(
    outcome: Outcome,
    folder: JobFolder,
    ledger: Ledger,
    timeline: Timeline,
    signer: Signer,
    retry_s: float,
) -> tuple[Outcome, bool]:
    """Write the outcome down; False when the claim was lost and all its work thrown away. What
    cannot be written comes out otherwise.

    Files go to the store first, under random keys; those that no row names afterwards are
    deleted. A job whose files the store does not take waits for `retry_s` in its queue.
    """
    stored: list[Stored] = []
    try:
        with timeline.stage(Stage.STORE):
            change = _change(outcome, folder, ledger, signer, stored, retry_s)
    except (Unavailable, OutOfDisk) as error:  # the store is away or full
        outcome = Postponed(error.detail)
        change = _after(outcome, retry_s)
    except Refused as refused:
        outcome = Failed(refused.failure())
        change = _after(outcome, retry_s)
    except Escape as error:
        outcome = Failed(Internal(f"The job's process handed over {error}").failure())
        change = _after(outcome, retry_s)
    with timeline.stage(Stage.FINISH):
        outcome, written = _written(outcome, change, ledger, timeline, retry_s)
    ledger.discard_strangers(stored)
    return outcome, written


def _written(
    outcome: Outcome, change: Change, ledger: Ledger, timeline: Timeline, retry_s: float
) -> tuple[Outcome, bool]:
    try:
        return outcome, ledger.write(tallied(change, outcome, timeline))
    except DataError as error:  # a text or number too large for its column, from the child
        log.error("a result that no column takes: %s", error)  # noqa: TRY400 - it says it all
        what = "The job's process handed over a result that cannot be stored"
        unfit = Failed(Internal(what).failure())
        return unfit, ledger.write(tallied(_after(unfit, retry_s), unfit, timeline))


def _change(
    outcome: Outcome,
    folder: JobFolder,
    ledger: Ledger,
    signer: Signer,
    stored: list[Stored],
    retry_s: float,
) -> Change:
    """The change of the row that `outcome` asks for; what it stores is added to `stored`."""

    def store(kind: str, name: str) -> Stored:
        with folder.handed_over(name) as path:
            stored.append(ledger.store(kind, path))
        return stored[-1]

    def put(data: bytes) -> Stored:
        stored.append(ledger.put("artifacts", data))
        return stored[-1]

    match outcome:
        case Compressed(report=report):
            files = [_artifact(file, store("artifacts", file.file)) for file in outcome.files]
            papers, signed = attest(ledger.lineage(), report, files, signer, put)

            def compressed(session: Session, job: Job) -> None:
                signing_keys.used(session, signed.key_id, signed.public_pem)
                endings.compressed(session, job, report, [*files, *papers])

            return compressed
        case ModelInspected(facts=model):
            canonical = store("models", outcome.canonical)
            return lambda session, job: endings.model_ready(session, job, model, canonical)
        case DatasetInspected(facts=data):
            canonical = store("datasets", outcome.canonical)
            return lambda session, job: endings.dataset_ready(session, job, data, canonical)
        case _:
            return _after(outcome, retry_s)


def _after(outcome: Failed | Crash | Postponed | Stop, retry_s: float) -> Change:
    """What becomes of a job that has no result."""
    match outcome:
        case Failed(failure):
            return lambda session, job: endings.close(session, job, JobState.FAILED, failure)
        case Crash(cause):
            return lambda session, job: queue.crash(session, job, cause)
        case Postponed(cause):
            return lambda session, job: queue.defer(session, job, retry_s, cause)
        case Stop.CANCELLED:
            return lambda session, job: endings.close(session, job, JobState.CANCELLED)
        case Stop.WORKER_STOPS:
            return queue.hand_back
        case Stop.LOST:
            return lambda _session, _job: None  # never runs: the ledger finds no row
        case _:
            assert_never(outcome)


def _artifact(file: OutFile, stored: Stored) -> NewArtifact:
    return NewArtifact(
        stored=stored,
        kind=file.kind,
        name=file.name,
        media_type=file.media_type,
        candidate=file.candidate,
    )
