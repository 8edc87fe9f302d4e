"""Run one claimed job to its end: a folder, a child, a lease, and one fenced last write.

This process never loads a model library and never opens what was uploaded.
"""

import errno
import logging

from opentelemetry.trace import use_span
from sqlalchemy.orm import Session

from app.store import queue
from app.store.queue import Claim
from app.store.rows import Job
from worker.allowance import Allowance
from worker.attempt import Attempt
from worker.bench import Bench
from worker.finish import finish
from worker.folder import job_folder
from worker.lease import Lease
from worker.ledger import Ledger
from worker.outcome import CutShort, Failed, Outcome, Postponed, Stop, ending
from worker.sandbox.post_mortem import Crash
from worker.signer import Signer
from worker.tallied import tallied
from worker.timeline import Timeline
from worker.wire import Compressed

_DISK_IS_FULL = (errno.ENOSPC, errno.EDQUOT)

log = logging.getLogger(__name__)


def supervise(claim: Claim, bench: Bench) -> None:
    """Stage, run and finish the job. A bug is raised; then the lease runs out and the job is
    queued again."""
    traces = bench.tracing
    timeline = Timeline(traces.tracer, claim, traces.take_dropped)
    with use_span(timeline.span, record_exception=False, set_status_on_exception=False):
        outcome, written = _supervised(claim, bench, timeline)
    if written:  # else the sweep tells the attempt's span
        timeline.end(ending(outcome))


def _supervised(claim: Claim, bench: Bench, timeline: Timeline) -> tuple[Outcome, bool]:
    """How it came out, and whether that was written down. Log lines carry the trace's id."""
    settings, fence = bench.settings, claim.fence
    log.info("job %s attempt %d begins", fence.job_id, fence.attempt)
    allowance = Allowance(claim, settings.limits)
    patience_s = settings.database_patience_s
    lease = Lease(bench.sessions, fence, settings.lease_s, patience_s, allowance)
    with lease:
        ledger = Ledger(
            bench.sessions,
            bench.objects,
            claim,
            lease.lost,
            store_s=settings.objects_patience_s,
            stops=lambda: bench.drain.over,
        )
        try:
            outcome, written = _attempted(claim, bench, ledger, timeline, allowance)
        except OSError as error:
            if error.errno not in _DISK_IS_FULL:
                raise
            outcome, written = _put_off(ledger, timeline, settings.objects_retry_s)
    how = _named(outcome)
    if not written:  # another attempt may run, or have ended, by now
        how = f"the claim was lost; what came too late is thrown away: {how}"
    log.info("job %s attempt %d ends: %s", fence.job_id, fence.attempt, how)
    return outcome, written


def _attempted(
    claim: Claim, bench: Bench, ledger: Ledger, timeline: Timeline, allowance: Allowance
) -> tuple[Outcome, bool]:
    settings, fence = bench.settings, claim.fence
    signer = Signer(settings.signing_key_file)
    retry_s = settings.objects_retry_s
    with job_folder(settings.work_dir, fence.job_id, fence.attempt) as folder:
        outcome = Attempt(claim, bench, ledger, folder, timeline, allowance).outcome()
        if not isinstance(outcome, CutShort):
            return finish(outcome, folder, ledger, timeline, signer, retry_s)
    log.info("job %s is cut short: %s", fence.job_id, outcome.failure.detail)
    with job_folder(settings.work_dir, fence.job_id, fence.attempt) as folder:
        best = Attempt(claim, bench, ledger, folder, timeline, cut_short=outcome).outcome()
        if not isinstance(best, Compressed | Stop):
            log.warning("job %s: its best so far is lost: %s", fence.job_id, _named(best))
            best = outcome
        return finish(best, folder, ledger, timeline, signer, retry_s)


def _put_off(ledger: Ledger, timeline: Timeline, retry_s: float) -> tuple[Outcome, bool]:
    """There is not even room for the job's folder or its task."""
    off = Postponed("the worker's disk is full; free some, or wait for another worker")

    def deferred(session: Session, job: Job) -> None:
        queue.defer(session, job, retry_s, off.cause)

    return off, ledger.write(tallied(deferred, off, timeline))


def _named(outcome: Outcome) -> str:
    match outcome:
        case Failed(failure):
            return f"failed, {failure.code}: {failure.detail}"
        case Crash(cause):
            return f"crashed, {cause}"
        case Postponed(cause):
            return f"put off, {cause}"
        case str():
            return str(outcome)
        case _:
            return "succeeded"
