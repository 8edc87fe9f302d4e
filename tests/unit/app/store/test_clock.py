"""On SQLite; tests/services holds the same statements against PostgreSQL."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from app.store.clock import db_now, db_now_plus, seconds_between
from app.store.rows import Job, Project

EARLIER = datetime(2031, 5, 7, 9, 8, 7, 250_000, tzinfo=UTC)
LATER = datetime(2031, 5, 8, 9, 8, 9, 0, tzinfo=UTC)


@pytest.fixture
def session(empty: Session) -> Session:
    project = Project(name="cams")
    empty.add(project)
    empty.flush()
    empty.add(Job(project_id=project.id, kind="compress", queue="cpu"))
    empty.flush()
    return empty


def test_the_databases_clock_is_ours_within_two_seconds(session: Session) -> None:
    now = session.scalars(select(db_now())).one()
    assert now.tzinfo is UTC
    assert abs(now - datetime.now(UTC)) < timedelta(seconds=2)


def test_a_moment_moves_by_seconds_both_ways(session: Session) -> None:
    apart = seconds_between(db_now_plus(90.5), db_now_plus(-30))
    assert session.scalars(select(apart)).one() == pytest.approx(120.5, abs=0.002)


def test_a_lease_written_by_the_clock_reads_as_the_text_of_a_python_moment(
    session: Session,
) -> None:
    session.execute(
        update(Job).values(lease_until=db_now_plus(60), hinted_at=db_now(), started_at=EARLIER)
    )
    stored = session.execute(text("select lease_until, hinted_at, started_at from jobs")).one()
    assert stored.started_at == "2031-05-07 09:08:07.250000"
    for written in (stored.lease_until, stored.hinted_at):
        assert re.sub(r"\d", "0", written) == "0000-00-00 00:00:00.000000"


def test_a_lease_is_over_exactly_when_its_moment_has_passed(session: Session) -> None:
    over = select(Job.lease_until < db_now())
    session.execute(update(Job).values(lease_until=db_now_plus(5)))
    assert session.scalars(over).one() is False
    session.execute(update(Job).values(lease_until=db_now_plus(-0.25)))
    assert session.scalars(over).one() is True


def test_seconds_between_moments_count_days_and_fractions(session: Session) -> None:
    # one day and 1.75 s
    apart = session.scalars(select(seconds_between(LATER, EARLIER))).one()
    assert apart == pytest.approx(86_401.75, abs=0.001)
    assert session.scalars(select(seconds_between(EARLIER, LATER))).one() < 0


def test_seconds_since_nothing_are_nothing(session: Session) -> None:
    assert session.scalars(select(seconds_between(db_now(), Job.started_at))).one() is None
