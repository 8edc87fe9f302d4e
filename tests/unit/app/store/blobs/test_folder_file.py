"""A file without a name until it is whole, also where the file system has no such files."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from app.store.blobs.folder_file import FolderFile

CONTENT = bytes(range(251)) * 1200  # 294 KiB: two calls of write(2)


@pytest.fixture(params=["nameless", "named"])
def root(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    if request.param == "named":
        really = os.open

        def without_nameless_files(path: Any, flags: int, *args: Any, **options: Any) -> int:
            if flags & os.O_TMPFILE == os.O_TMPFILE:
                raise OSError(errno.EOPNOTSUPP, "not supported")
            return really(path, flags, *args, **options)

        monkeypatch.setattr("os.open", without_nameless_files)
    return tmp_path


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def files(root: Path) -> list[str]:
    return sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.is_file())


def test_a_closed_file_is_there_under_its_key_and_holds_everything(root: Path) -> None:
    before = descriptors()
    file = FolderFile(root, "models/3f/key")
    file.write(CONTENT)
    file.write(memoryview(b"end"))
    file.close()
    assert files(root) == ["models/3f/key"]
    assert (root / "models/3f/key").read_bytes() == CONTENT + b"end"
    assert descriptors() == before


@pytest.mark.parametrize("closed", [False, True])
def test_a_discarded_file_leaves_nothing(root: Path, *, closed: bool) -> None:
    before = descriptors()
    file = FolderFile(root, "models/3f/key")
    file.write(CONTENT)
    if closed:
        file.close()
    file.discard()
    assert files(root) == []
    assert descriptors() == before


def test_a_root_that_is_gone_is_not_made_anew(root: Path) -> None:
    with pytest.raises(FileNotFoundError):
        FolderFile(root / "unmounted", "models/3f/key")
    assert not (root / "unmounted").exists()


def test_the_disk_is_told_to_begin_before_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pushed: list[tuple[int, int]] = []

    class Kernel:
        def sync_file_range(self, _file: int, start: int, size_bytes: int, _how: int) -> int:
            pushed.append((start, size_bytes))
            return 0

    monkeypatch.setattr("app.store.blobs.push._libc", Kernel())
    monkeypatch.setattr("app.store.blobs.push._PUSH_BYTES", 700_000)
    file = FolderFile(tmp_path, "models/3f/key")
    for _ in range(5):  # 301,200 bytes each
        file.write(CONTENT)
    file.discard()
    assert pushed == [(0, 903_600)]
