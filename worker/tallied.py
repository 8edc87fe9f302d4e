"""What an attempt adds to the counts of the installation, in its last transaction."""

from sqlalchemy.orm import Session

from app.store.rows import Job
from app.store.tallies import count, observe
from app.store.tallies.kinds import ATTEMPTS_ENDED, SANDBOX_KILLS, SPANS_DROPPED, STAGE, STEP
from worker.ledger import Change
from worker.outcome import Outcome, ending
from worker.timeline import Stage, Timeline


def tallied(change: Change, outcome: Outcome, timeline: Timeline) -> Change:
    """`change`, and beside it how the attempt ended and what took how long."""
    dropped = timeline.take_dropped()

    def both(session: Session, job: Job) -> None:
        change(session, job)
        count(session, ATTEMPTS_ENDED, job.queue, ending(outcome).how)
        for code in timeline.kills:
            count(session, SANDBOX_KILLS, job.queue, code)
        for spent in timeline.spent:
            if spent.stage is Stage.STEP:
                observe(session, STEP, spent.seconds, spent.technique or "")
            else:
                observe(session, STAGE, spent.seconds, spent.stage.value)
        for reason, number in dropped.items():
            count(session, SPANS_DROPPED, reason, by=number)

    return both
