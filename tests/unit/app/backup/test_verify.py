"""Rows and objects that do not belong together."""

import os
from datetime import timedelta
from typing import Any

from app.backup.verify import verify
from app.store.db import sessions
from app.store.rows import Job, Upload
from app.store.rows.base import utc_now
from lathe.states import JobKind, JobState, Queue


def test_a_whole_store_has_no_findings(place: Any) -> None:
    found = verify(place.url, place.store, hashing=True)
    assert (found.whole, found.objects, found.object_bytes, found.orphans) == (True, 2, 11, [])


def test_missing_objects_are_told_with_what_names_them(place: Any) -> None:
    place.path("first").unlink()
    assert verify(place.url, place.store).missing == {"models/first": ["mdl_1"]}


def test_another_size_is_seen_at_once_and_other_bytes_when_they_are_read(place: Any) -> None:
    place.path("first").write_bytes(b"FIRST")
    place.path("second").write_bytes(b"short")
    assert list(verify(place.url, place.store).damaged) == ["models/second"]
    hashed = verify(place.url, place.store, hashing=True)
    assert sorted(hashed.damaged) == ["models/first", "models/second"]


def test_an_orphan_is_a_day_old_and_has_no_row_not_even_a_doomed_one(place: Any) -> None:
    place.doom("second")
    for name, age_s in (("young", 80_000), ("old", 90_000), ("second", 90_000)):
        path = place.path(name)
        path.write_bytes(b"abc")
        moment_s = path.stat().st_mtime - age_s
        os.utime(path, (moment_s, moment_s))
    found = verify(place.url, place.store)
    assert [each.key for each in found.orphans] == ["models/old"]
    assert found.whole


def lie(place: Any, *names: str, age_s: float = 90_000) -> None:
    """Objects in the store that no row names."""
    for name in names:
        path = place.path(name)
        path.write_bytes(b"abc")
        moment_s = path.stat().st_mtime - age_s
        os.utime(path, (moment_s, moment_s))


def test_an_upload_that_waits_to_be_used_is_no_orphan(place: Any) -> None:
    lie(place, "whole")
    with sessions(place.engine).begin() as session:
        session.add(
            Upload(
                project_id="prj_a",
                length_bytes=3,
                stage_key="uploads/pieces",
                key="models/whole",
                expires_at=utc_now(),
            )
        )
    assert verify(place.url, place.store).orphans == []


def test_what_an_attempt_that_runs_may_have_written_is_no_orphan(place: Any) -> None:
    lie(place, "before", age_s=60 * 3600)
    lie(place, "meanwhile", age_s=49 * 3600)
    with sessions(place.engine).begin() as session:
        session.add(
            Job(
                project_id="prj_a",
                kind=JobKind.COMPRESS,
                queue=Queue.CPU,
                state=JobState.RUNNING,
                started_at=utc_now() - timedelta(hours=50),
            )
        )
    assert [each.key for each in verify(place.url, place.store).orphans] == ["models/before"]
