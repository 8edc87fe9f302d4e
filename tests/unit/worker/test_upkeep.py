"""What is deleted when, and what a store that does not let go of an object holds up."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import Engine, select

from app.store.blobs.objects import Objects
from app.store.db import sessions, sync_engine
from app.store.dead_objects import bury
from app.store.rows import Base, DeadObject, Project, Upload
from lathe.errors import Unavailable
from worker import upkeep
from worker.keep_settings import KeepSettings
from worker.upkeep import EVERY_S, Upkeep


class Stubborn(Objects):
    """A store that never deletes what has "stuck" in its name."""

    asked: list[str]

    def delete(self, key: str) -> None:
        self.asked.append(key)
        if "stuck" in key:
            raise Unavailable("the object store does not answer (played)")
        super().delete(key)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = sync_engine(f"sqlite:///{tmp_path / 'lathe.db'}")
    Base.metadata.create_all(made)
    yield made
    made.dispose()


@pytest.fixture
def objects(tmp_path: Path) -> Stubborn:
    store = Objects.open(f"file://{tmp_path / 'objects'}")
    store.__class__ = Stubborn
    assert isinstance(store, Stubborn)
    store.asked = []
    return store


def dead(engine: Engine) -> list[str]:
    with sessions(engine)() as session:
        return list(session.scalars(select(DeadObject.key).order_by(DeadObject.at)))


def test_an_object_that_stays_holds_up_no_other_and_is_asked_for_again(
    engine: Engine, objects: Stubborn
) -> None:
    keys = [f"k/{n}" for n in range(250)]
    for key in keys:
        objects.put(key, b"x")
    with sessions(engine).begin() as session:
        bury(session, ["k/stuck", *keys])
        bury(session, ["k/0"])  # twice is once
    care = Upkeep(sessions(engine), objects, KeepSettings())
    care.all()
    assert dead(engine) == ["k/stuck"]
    assert set(keys) <= set(objects.asked)
    objects.asked.clear()
    care.all()
    assert objects.asked == ["k/stuck"]


def test_it_is_looked_for_every_five_minutes_and_gone_on_with_at_once(
    engine: Engine, objects: Stubborn, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = time.monotonic()
    clock = SimpleNamespace(monotonic=lambda: now_s)
    monkeypatch.setattr(upkeep, "time", clock)
    care = Upkeep(sessions(engine), objects, KeepSettings())
    done: list[int] = []
    left = iter([1, 1, 0, 0])

    def slow(_session: object) -> int:
        nonlocal now_s
        now_s += 1.5  # of the two seconds that it has at once
        done.append(1)
        return next(left)

    monkeypatch.setattr(care, "_chores", [slow])
    care.some()
    assert len(done) == 2
    care.some()  # the next round of the sweep, a moment later
    assert len(done) == 3
    care.some()
    assert len(done) == 3
    now_s += EVERY_S
    care.some()
    assert len(done) == 4


class Slow(Stubborn):
    """A store that takes its time to delete."""

    def delete(self, key: str) -> None:
        upkeep.time.pass_on()  # type: ignore[attr-defined]
        super().delete(key)


@pytest.mark.parametrize(("each_s", "stuck"), [(0.5, ""), (15.0, "stuck/")])
def test_a_slow_store_has_its_turns_until_it_is_empty_and_one_that_is_away_has_one(
    each_s: float,
    stuck: str,
    engine: Engine,
    objects: Stubborn,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now_s = time.monotonic()

    def pass_on() -> None:
        nonlocal now_s
        now_s += each_s

    clock = SimpleNamespace(monotonic=lambda: now_s, pass_on=pass_on)
    monkeypatch.setattr(upkeep, "time", clock)
    objects.__class__ = Slow
    with sessions(engine).begin() as session:
        bury(session, [f"k/{stuck}{n}" for n in range(10)])
    care = Upkeep(sessions(engine), objects, KeepSettings())
    asked = []
    for _ in range(5):
        care.some()  # every 5 s, beside leases and hints
        now_s += 5.0
        asked.append(len(objects.asked))
    assert asked == ([1, 1, 1, 1, 1] if stuck else [4, 8, 10, 10, 10])
    assert len(dead(engine)) == (10 if stuck else 0)


def test_what_a_setting_does_not_name_is_kept_for_ever(
    engine: Engine, objects: Stubborn
) -> None:
    names = [
        "keep_jobs_days",
        "keep_artifacts_days",
        "keep_step_cache_days",
        "keep_audit_days",
    ]
    none = Upkeep(sessions(engine), objects, KeepSettings())
    some = Upkeep(sessions(engine), objects, KeepSettings(**dict.fromkeys(names, 3)))
    assert len(some._chores) == len(none._chores) + 5  # a cache's checkpoints go besides


def test_a_staged_upload_goes_with_its_row(engine: Engine, objects: Stubborn) -> None:
    objects.put("uploads/a", b"part of it")
    with sessions(engine).begin() as session:
        session.add(Project(id="prj_a", name="a"))
        session.flush()
        ended = datetime.now(UTC) - timedelta(seconds=1)
        session.add(
            Upload(project_id="prj_a", length_bytes=9, stage_key="uploads/a", expires_at=ended)
        )
    Upkeep(sessions(engine), objects, KeepSettings()).all()
    assert (objects.asked, dead(engine)) == (["uploads/a"], [])
    with sessions(engine)() as session:
        assert session.scalars(select(Upload)).all() == []


@pytest.mark.parametrize("text", ["", "0.5"])
def test_an_empty_variable_is_for_ever(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("LATHE_KEEP_JOBS_DAYS", text)
    assert KeepSettings.from_environment().keep_jobs_days == (0.5 if text else None)


def test_no_days_at_all_is_a_slip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LATHE_KEEP_AUDIT_DAYS", "0")
    with pytest.raises(SystemExit, match="LATHE_KEEP_AUDIT_DAYS"):
        KeepSettings.from_environment()
