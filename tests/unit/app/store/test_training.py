from datetime import UTC, datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.store import training
from app.store.deposit import Stored, deposit
from app.store.rows import Blob, TrainingState


def state(name: str) -> Stored:
    return Stored(f"training/{name}", f"sha-{name}", 7)


def doomed(session: Session) -> list[str]:
    found = select(Blob.key).where(Blob.doomed_at.is_not(None)).order_by(Blob.key)
    return list(session.scalars(found))


def test_the_newest_state_of_a_step_takes_the_place_of_the_older_one(session: Session) -> None:
    assert training.find(session, "prj_a", "key") is None
    training.keep(session, "prj_a", "key", state("1"))
    training.keep(session, "prj_a", "other", state("x"))
    training.keep(session, "prj_a", "key", state("2"))
    assert training.find(session, "prj_a", "key") == state("2")
    assert training.find(session, "prj_a", "other") == state("x")
    assert training.find(session, "prj_b", "key") is None
    assert doomed(session) == ["training/1"]


def test_the_same_state_again_is_not_doomed(session: Session) -> None:
    training.keep(session, "prj_a", "key", state("1"))
    training.keep(session, "prj_a", "key", state("1"))
    assert training.find(session, "prj_a", "key") == state("1")
    assert doomed(session) == []


def test_a_finished_step_drops_its_state_and_no_other(session: Session) -> None:
    for project, key in (("prj_a", "key"), ("prj_a", "other"), ("prj_b", "key")):
        training.keep(session, project, key, state(f"{project}-{key}"))
    training.drop(session, "prj_a", "key")
    assert training.find(session, "prj_a", "key") is None
    assert training.find(session, "prj_a", "other") is not None
    assert training.find(session, "prj_b", "key") is not None
    assert doomed(session) == ["training/prj_a-key"]


def test_a_state_that_something_else_names_stays(session: Session) -> None:
    training.keep(session, "prj_a", "key", state("1"))
    training.keep(session, "prj_a", "other", state("1"))
    training.drop(session, "prj_a", "key")
    assert doomed(session) == []


def test_states_that_nobody_goes_on_with_are_forgotten(session: Session) -> None:
    training.keep(session, "prj_a", "old", state("old"))
    session.execute(update(TrainingState).values(at=datetime(2001, 5, 7, tzinfo=UTC)))
    training.keep(session, "prj_a", "new", state("new"))
    deposit(session, "prj_a", state("unrelated"))
    training.forget(session, older_than_s=3600)
    assert session.scalars(select(TrainingState.key)).all() == ["new"]
    assert doomed(session) == ["training/old"]
