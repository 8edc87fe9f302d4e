"""Deleting orphans: after a second look, and never in a store that is not this database's."""

import os
from typing import Any

import pytest
from sqlalchemy import delete

from app.backup import collect as module
from app.backup.collect import between_s, collect
from app.backup.verify import verify
from app.store.db import sessions
from app.store.rows import Blob, Model
from app.store.waits import Waits
from lathe.errors import Conflict


def lie(place: Any, *names: str) -> None:
    for name in names:
        path = place.path(name)
        path.write_bytes(b"abc")
        moment_s = path.stat().st_mtime - 90_000
        os.utime(path, (moment_s, moment_s))


def test_what_gets_its_row_between_the_looks_is_kept(
    place: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    lie(place, "lost", "late")
    found = verify(place.url, place.store)
    waited: list[float] = []

    def commit_meanwhile(seconds: float) -> None:
        waited.append(seconds)
        with sessions(place.engine).begin() as session:
            session.add(Blob(project_id="prj_a", key="models/late", sha256="l", size_bytes=3))

    monkeypatch.setattr(module.time, "sleep", commit_meanwhile)
    gone = collect(place.url, place.objects, found, 72)
    assert ([each.key for each in gone], waited) == (["models/lost"], [72])
    assert not place.path("lost").exists()
    assert place.path("late").exists()
    assert place.path("first").exists()


def test_nothing_is_waited_for_where_there_is_nothing_to_delete(
    place: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module.time, "sleep", lambda _: pytest.fail("it waited"))
    assert collect(place.url, place.objects, verify(place.url, place.store), 72) == []


def test_a_store_of_which_no_row_names_anything_is_refused(place: Any) -> None:
    lie(place, "other")
    with sessions(place.engine).begin() as session:
        session.execute(delete(Model))
        session.execute(delete(Blob))
    with pytest.raises(Conflict, match="LATHE_DATABASE_URL or LATHE_OBJECTS_URL"):
        collect(place.url, place.objects, verify(place.url, place.store), 0)
    assert place.path("other").exists()


def test_the_wait_is_what_two_requests_may_take() -> None:
    assert between_s(Waits(connect_s=1, pool_s=2, statement_s=10)) == 126
