"""LATHE_SANDBOX on a machine without walls: `required` refuses, `auto` says what lacks."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.store.rows import Worker
from tests.services.worker.cell import attempt
from tests.services.worker.crew import ROOT, Crew
from tests.services.worker.shop import Shop
from worker.nursery import Nursery

BARE = ("-m", "tests.services.worker.bare_kernel")
MISSING = [
    "landlock (files outside the job's folder)",
    "seccomp (sockets, programs, other processes)",
]


@pytest.fixture(scope="module")
def bare() -> Iterator[Nursery]:
    nursery = Nursery("tests.services.worker.bare_kernel:perform")
    yield nursery
    nursery.close()


def test_a_worker_that_must_have_walls_does_not_start_without_them(
    deployment: dict[str, str],
) -> None:
    ended = subprocess.run(
        [sys.executable, *BARE, "--queue", "intake"],
        cwd=ROOT,
        env={**os.environ, **deployment, "LATHE_SANDBOX": "required", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode != 0
    said = ended.stdout + ended.stderr
    assert f"LATHE_SANDBOX=required, but this machine lacks {', '.join(MISSING)}" in said


def test_a_child_that_must_have_walls_opens_nothing_without_them(
    bare: Nursery, tmp_path: Path
) -> None:
    """Even where its supervisor thought otherwise."""
    planted = tmp_path / "planted"
    wish = {"act": "write", "path": str(planted)}
    answer, died = attempt(bare, tmp_path, "required", wish)
    assert answer is not None
    assert (answer.code, died.exit) == ("unavailable", 0)
    assert MISSING[0] in answer.detail
    assert not planted.exists()
    free, _ = attempt(bare, tmp_path, "auto", wish)
    assert free is not None
    assert (free.code, planted.exists()) == ("act_done", True)


def test_a_worker_that_goes_on_without_walls_says_so_in_its_row_and_its_log(
    shop: Shop, deployment: dict[str, str], tmp_path: Path
) -> None:
    crew = Crew(deployment | {"LATHE_SANDBOX": "auto"}, tmp_path / "logs", BARE)
    try:
        crew.hire("bare", "intake")
        crew.until(lambda: bool(shop.rows(Worker)))
        (row,) = shop.rows(Worker)
        assert row.facts["sandbox"] == {
            "mode": "auto",
            "landlock_abi": 0,
            "seccomp": False,
            "missing": MISSING,
        }
        assert "NOT FULLY CONFINED: landlock" in crew.log()
    finally:
        crew.dismiss()
