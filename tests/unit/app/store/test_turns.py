"""Whose turn it is, worked by hand."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from app.store.endings import close
from app.store.erase import erase_jobs
from app.store.queue import claim, defer, held, take_hints
from app.store.rows import Job, Project
from app.store.turns import Takes, _first, _turns
from lathe.states import JobKind, JobState, Queue

LONG_AGO = datetime(2020, 2, 3, tzinfo=UTC)


@pytest.fixture
def session(empty: Session) -> Session:
    empty.add_all([Project(id=f"prj_{name}", name=name) for name in "abc"])
    empty.flush()
    return empty


def queued(name: str, age_s: float = 0.0, **values: object) -> dict[str, object]:
    """A queued job; its project is the first letter of its name."""
    made_at = LONG_AGO + timedelta(seconds=age_s)
    row: dict[str, object] = {
        "id": f"job_{name}",
        "project_id": f"prj_{name[0]}",
        "kind": JobKind.COMPRESS,
        "queue": Queue.CPU,
        "created_at": made_at,
        "queued_at": made_at,
    }
    return row | values


def add(session: Session, *rows: dict[str, object]) -> None:
    for row in rows:
        session.execute(insert(Job).values(row))


def taken(session: Session, takes: Takes | None = None) -> str | None:
    claimed = claim(session, Queue.CPU, "w", 60, takes)
    return None if claimed is None else claimed.fence.job_id.removeprefix("job_")


def one_slot(session: Session, jobs: int) -> list[str]:
    """The order in which one slot runs `jobs` jobs, each started a second after the other."""
    order = []
    for second in range(jobs):
        claimed = claim(session, Queue.CPU, "w", 60)
        assert claimed is not None
        row = held(session, claimed.fence)
        assert row is not None
        order.append(row.id.removeprefix("job_"))
        close(session, row, JobState.FAILED)
        session.flush()
        moment = LONG_AGO + timedelta(seconds=second)
        session.execute(update(Job).where(Job.id == row.id).values(started_at=moment))
    return order


def test_a_thousand_jobs_of_one_project_delay_the_single_job_of_another_by_one_job(
    session: Session,
) -> None:
    session.execute(insert(Job), [queued(f"a{n:04}", age_s=n) for n in range(1000)])
    assert one_slot(session, 1) == ["a0000"]
    add(session, queued("b", age_s=5000))
    assert one_slot(session, 2) == ["b", "a0001"]


def test_no_priority_passes_the_turn_of_another_project(session: Session) -> None:
    urgent = [queued(f"a{n:04}", age_s=n, priority=9) for n in range(1000)]
    session.execute(insert(Job), urgent)
    assert one_slot(session, 1) == ["a0000"]
    add(session, queued("b", age_s=5000, priority=0))
    assert one_slot(session, 2) == ["b", "a0001"]


def test_two_slots_give_the_next_free_one_to_the_project_with_nothing_running(
    session: Session,
) -> None:
    add(session, *[queued(f"a{n}", age_s=n, priority=9) for n in range(9)])
    assert [taken(session), taken(session)] == ["a0", "a1"]
    add(session, queued("b", age_s=70, priority=0))
    first = session.get_one(Job, "job_a0")
    close(session, first, JobState.SUCCEEDED)
    session.flush()
    assert [taken(session), taken(session)] == ["b", "a2"]


def test_a_project_offers_its_most_urgent_job_that_may_be_taken(session: Session) -> None:
    future = datetime(2999, 1, 1, tzinfo=UTC)
    add(session, queued("a1", priority=9, not_before=future), queued("a2", priority=3))
    add(session, queued("a3", age_s=1, priority=4), queued("a4", age_s=2, priority=4))
    assert [taken(session) for _ in range(4)] == ["a3", "a4", "a2", None]


def test_who_deletes_its_finished_jobs_has_had_its_turn_all_the_same(session: Session) -> None:
    add(session, *[queued(f"a{n}", age_s=n) for n in range(3)])
    add(session, queued("b0", age_s=70), queued("b1", age_s=71), queued("c0", age_s=72))
    assert one_slot(session, 3) == ["a0", "b0", "c0"]
    erase_jobs(session, ["job_a0", "job_b0"])
    add(session, queued("c1", age_s=73))
    assert session.scalars(select(Job.id).where(Job.started_at.is_not(None))).all() == [
        "job_c0"
    ]
    assert taken(session) == "a1"  # a's turn was before b's, and b's before c's
    close(session, session.get_one(Job, "job_a1"), JobState.FAILED)
    session.flush()
    erase_jobs(session, ["job_a1"])  # the later of its two turns counts
    assert [taken(session) for _ in range(3)] == ["b1", "c1", "a2"]


def test_one_slot_goes_round_the_projects_whatever_the_age_of_their_jobs(
    session: Session,
) -> None:
    add(session, *[queued(f"a{n}", age_s=n) for n in range(4)])
    add(session, queued("b0", age_s=70), queued("b1", age_s=71), queued("c0", age_s=90))
    assert one_slot(session, 7) == ["a0", "b0", "c0", "a1", "b1", "a2", "a3"]


def test_among_projects_that_were_never_served_the_oldest_job_is_first(
    session: Session,
) -> None:
    add(session, queued("a", age_s=30), queued("b", age_s=20), queued("c", age_s=25))
    assert one_slot(session, 3) == ["b", "c", "a"]


def test_a_deferred_job_waits_for_its_time_and_lets_a_younger_one_pass(
    session: Session,
) -> None:
    past, future = datetime(2021, 1, 1, tzinfo=UTC), datetime(2999, 1, 1, tzinfo=UTC)
    add(session, queued("a1", age_s=1, not_before=future), queued("a2", age_s=2))
    add(session, queued("b", age_s=3, not_before=past), queued("c", not_before=future))
    assert take_hints(session, Queue.CPU, waiting=0, rehint_s=30) == 2
    assert [taken(session) for _ in range(3)] == ["a2", "b", None]


def test_deferring_counts_as_nothing_and_says_what_the_job_waits_for(
    session: Session,
) -> None:
    add(session, queued("a", priority=7), queued("b", priority=2))
    claimed = claim(session, Queue.CPU, "w", 60)
    assert claimed is not None
    row = held(session, claimed.fence)
    assert row is not None
    assert row.started_at is not None
    defer(session, row, 90, "The store is away.")
    session.flush()
    assert (row.state, row.crashes, row.lapses) == (JobState.QUEUED, 0, 0)
    assert row.not_before is not None
    assert (row.not_before - row.started_at).total_seconds() == pytest.approx(90, abs=2)
    assert row.waiting_for == f"The store is away; tried again at {row.not_before:%H:%M:%S} UTC"
    assert [taken(session), taken(session)] == ["b", None]
    session.execute(update(Job).where(Job.id == row.id).values(not_before=LONG_AGO))
    assert taken(session) == "a"
    assert session.scalar(select(Job.waiting_for).where(Job.id == row.id)) is None


def test_a_worker_takes_only_the_spec_versions_that_it_reads(session: Session) -> None:
    add(
        session,
        *[
            queued(f"a{version}", priority=9 - version, spec_version=version)
            for version in range(5)
        ],
    )
    takes = Takes(oldest=2, newest=3)
    assert [taken(session, takes) for _ in range(3)] == ["a2", "a3", None]


def test_a_project_at_its_limit_waits_however_many_slots_are_free(session: Session) -> None:
    add(session, *[queued(f"a{n}", age_s=n, priority=9) for n in range(3)])
    add(session, queued("b", priority=0), queued("c", queue=Queue.GPU, state="running"))
    takes = Takes(running_per_project=2)
    assert [taken(session, takes) for _ in range(4)] == ["a0", "b", "a1", None]


def test_every_part_of_a_claim_reads_an_index_and_sorts_projects_only(
    session: Session,
) -> None:
    takes = Takes(running_per_project=3)
    sorts = []
    for statement in (_turns(Queue.CPU, takes), _first(Queue.CPU, "prj_a", takes)):
        compiled = statement.compile(
            session.get_bind(), compile_kwargs={"render_postcompile": True}
        )
        plan = session.connection().exec_driver_sql(
            f"EXPLAIN QUERY PLAN {compiled}",
            tuple(compiled.params[name] for name in compiled.positiontup or ()),
        )
        told = [row[3] for row in plan]
        steps = [step for step in told if " jobs" in step]
        assert steps
        assert all(step.startswith("SEARCH") and "INDEX ix_jobs_" in step for step in steps)
        sorts.append([step for step in told if "TEMP B-TREE" in step])
    assert sorts == [["USE TEMP B-TREE FOR ORDER BY"], []]
