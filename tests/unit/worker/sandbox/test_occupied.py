import mmap
import os
from pathlib import Path

import pytest

from worker.sandbox.occupied import Unmeasurable, occupied

MOST = 1000
BLOCK = 4096


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "staged").write_bytes(b"x" * 10 * BLOCK)
    (tmp_path / "out").mkdir()
    return tmp_path


def held(folder: Path, most: int = MOST) -> tuple[int, int]:
    found = occupied(folder, folder / "in", os.getpid(), most)
    return found.size_bytes, found.files


def test_what_was_written_is_counted_and_what_was_staged_is_not(folder: Path) -> None:
    empty_bytes, empty_files = held(folder)
    (folder / "out" / "a").write_bytes(b"x" * 3 * BLOCK)
    (folder / "log").write_bytes(b"x" * 2 * BLOCK)
    size_bytes, files = held(folder)
    assert (size_bytes - empty_bytes, files - empty_files) == (5 * BLOCK, 2)


def test_a_sparse_file_counts_as_large_as_it_will_be_when_it_is_stored(folder: Path) -> None:
    empty_bytes, _ = held(folder)
    with (folder / "out" / "sparse").open("wb") as file:
        file.truncate(1 << 30)
    assert held(folder)[0] - empty_bytes == 1 << 30


def test_a_deleted_file_counts_once_while_it_is_open_or_mapped(folder: Path) -> None:
    empty_bytes, empty_files = held(folder)
    path = folder / "out" / "hidden"
    path.write_bytes(b"x" * 7 * BLOCK)
    with path.open("r+b") as file:
        data = mmap.mmap(file.fileno(), 0)
        path.unlink()
        both = held(folder)
    mapped = held(folder)
    data.close()
    for size_bytes, files in (both, mapped):
        assert (size_bytes - empty_bytes, files - empty_files) == (7 * BLOCK, 1)
    assert held(folder) == (empty_bytes, empty_files)


def test_counting_stops_behind_the_most(folder: Path) -> None:
    for number in range(40):
        (folder / "out" / str(number)).touch()
    assert 6 <= held(folder, most=5)[1] < 20


def test_folders_that_are_very_deep_cannot_be_measured(folder: Path) -> None:
    deep = folder / "out"
    for _ in range(70):
        deep = deep / "d"
        deep.mkdir()
    with pytest.raises(Unmeasurable, match="64 deep"):
        held(folder)
