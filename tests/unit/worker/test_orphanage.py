"""Orphans go after two looks, and only where the store is this database's."""

import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import Engine, select

from app.store.blobs.inventory import Listed
from app.store.blobs.objects import Objects
from app.store.db import sessions, sync_engine
from app.store.rows import Base, Blob, DeadObject, Project
from lathe.errors import Unavailable
from worker import orphanage
from worker.keep_settings import KeepSettings
from worker.orphanage import BETWEEN_S, EVERY_S, Orphanage
from worker.upkeep import Upkeep

DAY_S = 86_400.0


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = sync_engine(f"sqlite:///{tmp_path / 'lathe.db'}")
    Base.metadata.create_all(made)
    with sessions(made).begin() as session:
        session.add(Project(id="prj_a", name="a"))
    yield made
    made.dispose()


@pytest.fixture
def objects(tmp_path: Path) -> Objects:
    return Objects.open(f"file://{tmp_path / 'objects'}")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """`clock.now_s` is what `monotonic` says."""
    made = SimpleNamespace(now_s=time.monotonic())
    made.monotonic = lambda: made.now_s
    monkeypatch.setattr(orphanage, "time", made)
    return made


def put(objects: Objects, key: str, days_old: float) -> None:
    objects.put(key, b"x")
    assert objects.folder is not None
    at_s = time.time() - days_old * DAY_S
    os.utime(objects.folder / key, (at_s, at_s))


def name(engine: Engine, key: str) -> None:
    with sessions(engine).begin() as session:
        session.add(Blob(project_id="prj_a", key=key, sha256=key, size_bytes=1))


def dead(engine: Engine) -> set[str]:
    with sessions(engine)() as session:
        return set(session.scalars(select(DeadObject.key)))


def looked(house: Orphanage) -> None:
    while house.some():
        pass


def test_an_object_is_dead_at_the_second_look_and_a_row_between_the_two_spares_it(
    engine: Engine, objects: Objects, clock: SimpleNamespace
) -> None:
    for key, days_old in (("m/named", 9), ("m/lost", 3), ("m/late", 3), ("m/young", 1.9)):
        put(objects, key, days_old)
    name(engine, "m/named")
    house = Orphanage(sessions(engine), objects, 2 * DAY_S)
    looked(house)
    clock.now_s += BETWEEN_S - 1
    looked(house)
    assert dead(engine) == set()
    name(engine, "m/late")
    clock.now_s += 1
    looked(house)
    assert dead(engine) == {"m/lost"}


def test_the_store_is_looked_through_once_a_day(
    engine: Engine, objects: Objects, clock: SimpleNamespace
) -> None:
    put(objects, "m/named", 9)
    name(engine, "m/named")
    house = Orphanage(sessions(engine), objects, DAY_S)
    looked(house)
    put(objects, "m/lost", 9)
    clock.now_s += EVERY_S - 1
    looked(house)
    clock.now_s += BETWEEN_S
    looked(house)
    assert dead(engine) == set()
    clock.now_s += BETWEEN_S
    looked(house)
    assert dead(engine) == {"m/lost"}


def test_a_store_of_which_no_row_names_anything_is_left_alone(
    engine: Engine,
    objects: Objects,
    clock: SimpleNamespace,
    caplog: pytest.LogCaptureFixture,
) -> None:
    for n in range(3):
        put(objects, f"m/{n}", 9)
    house = Orphanage(sessions(engine), objects, DAY_S)
    with caplog.at_level(logging.WARNING):
        looked(house)
    assert "none of its 3 is deleted" in caplog.text
    clock.now_s += BETWEEN_S
    looked(house)
    assert dead(engine) == set()


class Breaking(Objects):
    """A store that goes away while it is listed, the first time."""

    broken = False

    def listed(self) -> Iterator[Listed]:
        for each in super().listed():
            yield each
            if not self.broken:
                self.broken = True
                raise Unavailable("the object store does not answer (played)")


def test_a_store_that_goes_away_is_looked_through_the_next_day(
    engine: Engine, objects: Objects, clock: SimpleNamespace
) -> None:
    for key in ("m/named", "m/lost", "m/lost-too"):
        put(objects, key, 9)
    name(engine, "m/named")
    objects.__class__ = Breaking
    house = Orphanage(sessions(engine), objects, DAY_S, between_s=0)
    looked(house)
    assert dead(engine) == set()
    clock.now_s += EVERY_S
    looked(house)
    assert dead(engine) == {"m/lost", "m/lost-too"}


def test_the_sweep_deletes_them_where_a_setting_says_so(
    engine: Engine, objects: Objects
) -> None:
    for n in range(1100):  # more than a batch
        put(objects, f"m/{n}", 9)
    name(engine, "m/7")
    Upkeep(sessions(engine), objects, KeepSettings()).all()
    assert len(list(objects.listed())) == 1100
    at_once = Orphanage(sessions(engine), objects, DAY_S, between_s=0)
    Upkeep(sessions(engine), objects, KeepSettings(), orphanage=at_once).all()
    assert [each.key for each in objects.listed()] == ["m/7"]
    assert dead(engine) == set()
    by_setting = Upkeep(sessions(engine), objects, KeepSettings(keep_orphans_days=2))
    assert by_setting._orphanage is not None


def test_less_than_a_day_is_refused_and_an_empty_variable_is_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LATHE_KEEP_ORPHANS_DAYS", "")
    assert KeepSettings.from_environment().keep_orphans_days is None
    monkeypatch.setenv("LATHE_KEEP_ORPHANS_DAYS", "0.5")
    with pytest.raises(SystemExit, match="LATHE_KEEP_ORPHANS_DAYS"):
        KeepSettings.from_environment()
