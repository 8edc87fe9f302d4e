"""Count within a transaction; what was counted is written as its last statement.

Last, because everybody adds to the same few rows: whoever holds them only commits. In one
order, so that no two wait for each other.
"""

from bisect import bisect_left
from collections import Counter

import orjson
from sqlalchemy import event
from sqlalchemy.orm import Session, SessionTransaction

from app.store.rows import Tally
from app.store.tallies.kinds import BOUNDS_S, Counted, Timed
from app.store.upsert import upsert

COUNT, SUM = "count", "sum"  # parts; others are upper bounds
ABOVE = "+Inf"
_COUNTS = "tallies"  # key of `session.info`
_Key = tuple[str, str, str]


def count(session: Session, metric: Counted, *labels: str, by: float = 1.0) -> None:
    """One more of `metric`, if the session's transaction is committed."""
    _add(session, (metric.name, _joined(labels), COUNT), by)


def observe(session: Session, metric: Timed, seconds: float, *labels: str) -> None:
    """One more time of `metric`, if the session's transaction is committed."""
    place = bisect_left(BOUNDS_S, seconds)
    bound = str(BOUNDS_S[place]) if place < len(BOUNDS_S) else ABOVE
    _add(session, (metric.name, _joined(labels), bound), 1.0)
    _add(session, (metric.name, _joined(labels), SUM), seconds)


def _joined(labels: tuple[str, ...]) -> str:
    return orjson.dumps([str(label) for label in labels]).decode()


def _add(session: Session, key: _Key, value: float) -> None:
    counts: Counter[_Key] = session.info.setdefault(_COUNTS, Counter())
    counts[key] += value  # type: ignore[assignment] # a Counter adds floats as well


@event.listens_for(Session, "before_commit")
def _write_down(session: Session) -> None:
    counts: Counter[_Key] | None = session.info.pop(_COUNTS, None)
    if not counts:
        return
    rows = [
        {"metric": metric, "labels": labels, "part": part, "value": value}
        for (metric, labels, part), value in sorted(counts.items())
    ]
    more = upsert(session, Tally).values(rows)
    session.execute(
        more.on_conflict_do_update(
            index_elements=["metric", "labels", "part"],
            set_={"value": Tally.value + more.excluded.value},
        ),
        execution_options={"synchronize_session": False},
    )


@event.listens_for(Session, "after_soft_rollback")
def _forget(session: Session, _rolled_back: SessionTransaction) -> None:
    session.info.pop(_COUNTS, None)
