"""A file that one after another adds to: its size is the truth, its lock keeps others out."""

import hashlib
import os
from pathlib import Path

import pytest

from app.store.blobs.growing_file import GrowingFile, digest_of, size_of
from app.store.blobs.running_digest import RunningDigest, RunningDigests
from lathe.errors import Locked, Missing, OutOfDisk, Unavailable

KEY = "uploads/3f/key"


def descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_what_is_added_stays_and_is_gone_on_with(tmp_path: Path) -> None:
    assert size_of(tmp_path, KEY) == 0
    for expected, piece in ((0, b"abc"), (3, b"de")):
        file = GrowingFile(tmp_path, KEY)
        assert file.size_bytes == expected
        file.write(piece)
        file.sync()
        file.close()
        file.close()
    assert (tmp_path / KEY).read_bytes() == b"abcde"
    assert size_of(tmp_path, KEY) == 5
    assert digest_of(tmp_path, KEY) == hashlib.sha256(b"abcde").hexdigest()


def test_a_second_one_is_refused_until_the_first_lets_go(tmp_path: Path) -> None:
    first = GrowingFile(tmp_path, KEY)
    with pytest.raises(Locked, match="another request"):
        GrowingFile(tmp_path, KEY)
    first.close()
    GrowingFile(tmp_path, KEY).close()


def test_a_file_that_was_deleted_before_it_was_locked_is_not_added_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deleted_meanwhile(_file: int, _how: int) -> None:
        (tmp_path / KEY).unlink()

    monkeypatch.setattr("app.store.blobs.growing_file.fcntl.flock", deleted_meanwhile)
    before = descriptors()
    with pytest.raises(Missing, match="deleted"):
        GrowingFile(tmp_path, KEY)
    assert descriptors() == before


def test_a_write_that_comes_too_late_goes_nowhere(tmp_path: Path) -> None:
    file = GrowingFile(tmp_path, KEY)
    file.close()
    with (tmp_path / "other").open("wb") as other, pytest.raises(ValueError, match="closed"):
        file.write(b"abc")
    assert other.name
    assert (tmp_path / "other").read_bytes() == b""


def test_a_full_disk_leaves_what_fitted_and_a_digest_that_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write

    def half(file: int, data: bytes) -> int:
        if len(data) < 4:
            raise OSError(28, "No space left on device")
        return write(file, bytes(data)[:3])

    file = GrowingFile(tmp_path, KEY)
    file.digest = RunningDigest()
    monkeypatch.setattr("app.store.blobs.write_all.os.write", half)
    with pytest.raises(OutOfDisk):
        file.write(b"abcde")
    file.close()
    assert (file.size_bytes, file.digest.size_bytes) == (3, 0)
    assert (tmp_path / KEY).read_bytes() == b"abc"


def test_a_folder_that_is_gone_is_not_made_anew(tmp_path: Path) -> None:
    with pytest.raises((Unavailable, Missing)):
        GrowingFile(tmp_path / "unmounted", KEY)
    assert not (tmp_path / "unmounted").exists()


def test_a_digest_is_for_the_size_that_it_was_made_of() -> None:
    digests = RunningDigests()
    running = digests.take("a", 0)
    assert running is not None
    running.add(b"abc")
    digests.keep("a", running)
    assert digests.take("a", 4) is None  # and is forgotten: the file is not what it was
    assert digests.take("a", 3) is None
    digests.keep("a", running)
    assert digests.take("b", 3) is None
    assert digests.take("a", 3) is running
    assert running.hexdigest() == hashlib.sha256(b"abc").hexdigest()


def test_so_many_digests_are_kept_and_no_more() -> None:
    digests = RunningDigests()
    for number in range(300):
        running = RunningDigest()
        running.add(b"abc")
        digests.keep(str(number), running)
    assert digests.take("43", 3) is None
    assert digests.take("44", 3) is not None
