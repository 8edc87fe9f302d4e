import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from worker.demolish import demolish

DEEPER_THAN_RECURSION = 1200


@pytest.fixture
def here() -> Iterator[None]:
    before = Path.cwd()
    yield
    os.chdir(before)


@pytest.mark.usefixtures("here")
def test_folders_deeper_than_paths_recursion_and_open_files_reach_are_deleted(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "job"
    folder.mkdir()
    os.chdir(folder)
    for depth in range(DEEPER_THAN_RECURSION):
        Path("d").mkdir()
        os.chdir("d")
        if depth % 500 == 0:
            Path("file").write_text("x")
    os.chdir(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (100, hard))
    try:
        demolish(folder)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert list(tmp_path.iterdir()) == []


def test_a_link_is_deleted_and_what_it_points_to_stays(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    (kept / "inner").mkdir(parents=True)
    (kept / "file").write_text("x")
    folder = tmp_path / "job"
    (folder / "out").mkdir(parents=True)
    (folder / "out" / "to_folder").symlink_to(kept)
    (folder / "to_file").symlink_to(kept / "file")
    (folder / "out" / "hard").hardlink_to(kept / "file")
    os.mkfifo(folder / "out" / "fifo")
    demolish(folder)
    assert not folder.exists()
    assert sorted(path.name for path in kept.iterdir()) == ["file", "inner"]


def test_a_folder_that_is_closed_to_its_own_user_is_deleted(tmp_path: Path) -> None:
    closed = tmp_path / "job" / "out" / "closed"
    closed.mkdir(parents=True)
    (closed / "file").write_text("x")
    (closed / "deeper").mkdir()
    (closed / "deeper").chmod(0)
    closed.chmod(0)
    demolish(tmp_path / "job")
    assert list(tmp_path.iterdir()) == []


def test_many_files_and_names_that_were_there_before_go_too(tmp_path: Path) -> None:
    folder = tmp_path / "job"
    for place in ("out/a", "out/b/a", "a"):
        (folder / place).mkdir(parents=True)
        for number in range(1200):
            (folder / place / str(number)).touch()
    demolish(folder)
    assert list(tmp_path.iterdir()) == []
