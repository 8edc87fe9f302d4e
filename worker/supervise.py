"""Run one claimed job to its end: a folder, a child, a lease, and one fenced last write.

This process never loads a model library and never opens what was uploaded.
"""

import logging

from app.store.queue import Claim
from worker.attempt import Attempt
from worker.bench import Bench
from worker.finish import finish
from worker.folder import job_folder
from worker.lease import Lease
from worker.ledger import Ledger
from worker.outcome import Failed, Outcome, Postponed
from worker.post_mortem import Crash

log = logging.getLogger(__name__)


def supervise(claim: Claim, bench: Bench) -> None:
    """Stage, run and finish the job. A bug is raised; then the lease runs out and the job is
    queued again."""
    settings, fence = bench.settings, claim.fence
    log.info("job %s attempt %d begins", fence.job_id, fence.attempt)
    with (
        Lease(bench.sessions, fence, settings.lease_s, settings.database_patience_s) as lease,
        job_folder(settings.work_dir, fence.job_id, fence.attempt) as folder,
    ):
        ledger = Ledger(
            bench.sessions,
            bench.objects,
            claim,
            lease.lost,
            store_s=settings.objects_patience_s,
            stops=lambda: bench.drain.over,
        )
        outcome = Attempt(claim, bench, ledger, folder).outcome()
        written = finish(outcome, folder, ledger, settings.objects_retry_s)
    how = _named(outcome)
    if not written:  # another attempt may run, or have ended, by now
        how = f"the claim was lost; what came too late is thrown away: {how}"
    log.info("job %s attempt %d ends: %s", fence.job_id, fence.attempt, how)


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
