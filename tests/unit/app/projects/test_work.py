"""What an operator does about projects."""

import argparse

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.projects.amount import Amount, amount
from app.projects.work import created, limited, listed
from app.store.quotas.limits import Limits, limits_of
from app.store.retention.projects import delete_later, forget_projects
from app.store.rows import ApiKey, Attempt, Audit, Project, Quota
from app.store.rows.base import utc_now
from lathe.errors import Conflict, Missing
from lathe.states import Queue
from tests.unit.app.store.conftest import empty

__all__ = ["empty"]
DEFAULTS = Limits(stored_bytes=1000, gpu_minutes=60)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", Amount(0)),
        ("50", Amount(50)),
        ("3k", Amount(3000)),
        ("50G", Amount(50_000_000_000)),
        ("2Gi", Amount(2_147_483_648)),
        ("2GiB", Amount(2_147_483_648)),
        ("none", Amount(None)),
        ("default", Amount(None, default=True)),
    ],
)
def test_an_amount_is_a_number_with_a_unit_or_a_word(text: str, expected: Amount) -> None:
    assert amount(text) == expected


@pytest.mark.parametrize("text", ["", "-1", "1.5G", "5X", "unlimited", "9999999T"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        amount(text)


def test_a_limit_of_its_own_goes_before_the_default_until_it_is_taken_back(
    empty: Session,
) -> None:
    empty.add(Project(id="prj_a", name="vision"))
    given = {"stored_bytes": Amount(7), "gpu_minutes": Amount(None), "running_jobs": Amount(2)}
    shown = limited(empty, "vision", given, DEFAULTS)
    assert shown["limits"] == {
        "stored_bytes": 7,
        "unfinished_jobs": None,
        "running_jobs": 2,
        "running_gpu": 2,
        "gpu_minutes": None,
    }
    assert shown["own"] == ["gpu_minutes", "running_jobs", "stored_bytes"]
    limited(empty, "prj_a", {"gpu_minutes": Amount(None, default=True)}, DEFAULTS)
    assert limits_of(empty, "prj_a", DEFAULTS) == Limits(
        stored_bytes=7, running_jobs=2, running_gpu=2, gpu_minutes=60
    )
    trail = empty.scalars(select(Audit).order_by(Audit.at)).all()
    assert [(row.action, row.key_id, row.data) for row in trail] == [
        ("project.quota", None, {"stored_bytes": 7, "gpu_minutes": None, "running_jobs": 2}),
        ("project.quota", None, {"gpu_minutes": "default"}),
    ]


def test_a_limit_for_gpus_goes_before_that_of_every_queue(empty: Session) -> None:
    empty.add(Project(id="prj_a", name="vision"))
    defaults = Limits(running_jobs=8, running_gpu=4)
    assert limits_of(empty, "prj_a", defaults) == defaults
    shown = limited(
        empty, "vision", {"running_gpu": Amount(1), "running_jobs": Amount(6)}, defaults
    )
    assert (shown["limits"]["running_jobs"], shown["limits"]["running_gpu"]) == (6, 1)
    limited(empty, "vision", {"running_gpu": Amount(None, default=True)}, defaults)
    assert limits_of(empty, "prj_a", defaults) == Limits(running_jobs=6, running_gpu=6)


def test_a_project_that_is_not_there_is_named(empty: Session) -> None:
    with pytest.raises(Missing, match="'vision'"):
        limited(empty, "vision", {}, DEFAULTS)


def test_a_deleted_project_is_neither_shown_nor_limited(empty: Session) -> None:
    empty.add_all([Project(id="prj_a", name="vision"), Project(id="prj_b", name="sound")])
    empty.flush()
    delete_later(empty, empty.get_one(Project, "prj_a"))
    empty.flush()
    assert [each["name"] for each in listed(empty, DEFAULTS)] == ["sound"]
    with pytest.raises(Missing):
        limited(empty, "prj_a", {"gpu_minutes": Amount(1)}, DEFAULTS)


def test_what_is_known_of_a_projects_limits_and_minutes_goes_with_it(empty: Session) -> None:
    empty.add_all([Project(id="prj_a", name="vision"), Project(id="prj_b", name="sound")])
    empty.flush()
    for name in "ab":
        limited(empty, f"prj_{name}", {"gpu_minutes": Amount(1)}, DEFAULTS)
        empty.add(
            Attempt(
                job_id=f"job_{name}",
                attempt=1,
                project_id=f"prj_{name}",
                queue=Queue.GPU,
                started_at=utc_now(),
            )
        )
    delete_later(empty, empty.get_one(Project, "prj_a"))
    empty.flush()
    while forget_projects(empty):
        pass
    assert {row.project_id for row in empty.scalars(select(Attempt))} == {"prj_b"}
    assert {row.project_id for row in empty.scalars(select(Quota))} == {"prj_b"}
    assert {row.id for row in empty.scalars(select(Project))} == {"prj_b"}


def test_a_new_project_has_an_admin_key_and_its_name_is_taken(empty: Session) -> None:
    printable = created(empty, "vision")
    key = empty.scalars(select(ApiKey)).one()
    assert printable.startswith(f"lt_{key.id.removeprefix('key_')}_")
    assert key.scopes == ["read", "write", "admin"]
    with pytest.raises(Conflict):
        created(empty, "vision")
    found = listed(empty, DEFAULTS)
    assert [(each["name"], each["stored_bytes"]) for each in found] == [("vision", 0)]
