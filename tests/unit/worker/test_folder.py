import os
import socket
from pathlib import Path

import pytest

from worker.folder import Escape, JobFolder, job_folder, remove_left_overs

JOB = "job_01k3aaaaaaaaaaaaaaaaaaaaaa"


@pytest.fixture
def folder(tmp_path: Path) -> JobFolder:
    (tmp_path / "out" / "deep").mkdir(parents=True)
    return JobFolder(tmp_path)


def read(folder: JobFolder, name: str) -> bytes:
    with folder.handed_over(name) as path:
        return path.read_bytes()


def test_plain_files_are_handed_over(folder: JobFolder) -> None:
    (folder.out / "a.onnx").write_bytes(b"abc")
    (folder.out / "deep" / "b-1.bin").write_bytes(b"de")
    assert read(folder, "a.onnx") == b"abc"
    assert read(folder, "deep/b-1.bin") == b"de"


def test_what_was_staged_is_counted(folder: JobFolder) -> None:
    folder.inside.mkdir()
    (folder.inside / "task.json").write_bytes(b"12345")
    (folder.inside / "model.onnx").write_bytes(b"1234567")
    assert folder.staged_bytes == 12


@pytest.mark.parametrize(
    "name",
    [
        *("../secret", "/etc/passwd", "deep/../../secret", "deep/x/y", ".", "..", ""),
        *("a b", ".hidden", "deep", "missing", "nothing/here"),
    ],
)
def test_other_paths_are_refused(folder: JobFolder, name: str) -> None:
    (folder.path / "secret").write_bytes(b"s")
    with pytest.raises(Escape):
        read(folder, name)


def test_links_and_special_files_are_refused(folder: JobFolder) -> None:
    secret = folder.path / "secret"
    secret.write_bytes(b"s")
    other = folder.path / "other"
    other.write_bytes(b"o")
    (folder.out / "soft").symlink_to(other)
    (folder.out / "hard").hardlink_to(secret)
    (folder.out / "way").symlink_to(folder.path)
    os.mkfifo(folder.out / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(folder.out / "sock"))
        for name in ("soft", "hard", "way/secret", "fifo", "sock"):
            with pytest.raises(Escape):
                read(folder, name)


def test_a_file_is_deleted_and_a_link_is_not_followed(folder: JobFolder) -> None:
    (folder.path / "elsewhere").write_bytes(b"x")
    (folder.out / "plain").write_bytes(b"y")
    (folder.out / "link").symlink_to(folder.path / "elsewhere")
    folder.remove("plain")
    folder.remove("link")
    assert [path.name for path in folder.out.iterdir()] == ["deep"]
    for name in ("plain", "../elsewhere", str(folder.path / "elsewhere")):
        with pytest.raises(Escape):
            folder.remove(name)
    assert (folder.path / "elsewhere").exists()


def test_a_file_that_is_exchanged_while_it_is_read_stays_the_same(folder: JobFolder) -> None:
    (folder.out / "a").write_bytes(b"first")
    (folder.out / "b").write_bytes(b"second")
    with folder.handed_over("a") as path:
        (folder.out / "b").rename(folder.out / "a")
        assert path.read_bytes() == b"first"


def test_a_folder_is_gone_when_its_job_is_over_even_after_an_error(tmp_path: Path) -> None:
    def break_inside() -> None:
        with job_folder(tmp_path, JOB, 3) as folder:
            assert folder.path.name.startswith(f"{JOB}-3-")
            (folder.out / "a").write_bytes(b"x")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        break_inside()
    assert list(tmp_path.iterdir()) == []


def test_only_folders_that_nobody_holds_are_left_overs(tmp_path: Path) -> None:
    dead = tmp_path / f"{JOB}-1-dead"
    (dead / "out").mkdir(parents=True)
    other = tmp_path / "somebody-elses-folder"
    other.mkdir()
    with job_folder(tmp_path, JOB, 2) as living:
        assert remove_left_overs(tmp_path) == 1
        assert not dead.exists()
        assert other.exists()
        assert living.out.exists()


def test_the_end_of_a_long_log_is_kept(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("a" * 9000 + "the end")
    tail = JobFolder(tmp_path).log_tail()
    assert tail.endswith("the end")
    assert len(tail) == 4096
