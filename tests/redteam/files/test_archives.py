"""Archives whose members would land, or lead, outside the folder that they are unpacked in."""

import io
import ntpath
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.redteam.door import Door
from tests.redteam.files.archives import member, tarred, zipped, zipped_link
from tests.redteam.rejected import Rejected
from tests.services.worker.nets import perceptron
from worker.engine.intake import tar_archive, zip_archive
from worker.engine.intake.archive import Budget, plain_name
from worker.wire import Limits

PLAIN = "a member's name is a plain relative path, and nothing else is unpacked"


def _as_it_is(name: str) -> str:
    return name


class _Zip(Rejected):
    """A zip with a member that is unpacked as `escaped`, beside the folder for it."""

    code, guard = "unsafe_archive", PLAIN

    def test_it_lands_outside_without_the_guard(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(zip_archive, "plain_name", _as_it_is)
        upload = tmp_path / "upload"
        upload.write_bytes(self.content(tmp_path))
        zip_archive.unpack_zip(upload, tmp_path / "inside", Limits())
        assert (tmp_path / "escaped").read_bytes() == b"x"


class TestZipSlip(_Zip):
    """A zip with a member named `../escaped`"""

    told = "points outside the archive"

    def content(self, folder: Path) -> bytes:
        return zipped({"m.onnx": perceptron(1), "../escaped": b"x"})


class TestAbsoluteMember(_Zip):
    """A zip with a member named by a whole path"""

    told = "does not have a relative path"

    def content(self, folder: Path) -> bytes:
        return zipped({"m.onnx": perceptron(1), str(folder / "escaped"): b"x"})


class TestTarSlip(Rejected):
    """A packed tar with a member named `a/../../escaped`"""

    code, told = "unsafe_archive", "points outside the archive"
    guard = PLAIN

    def content(self, folder: Path) -> bytes:
        slipping = member("a/../../escaped", b"x")
        return tarred(member("m.onnx", perceptron(1)), slipping, mode="w:gz")

    def test_it_lands_outside_without_the_guard(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tar_archive, "plain_name", _as_it_is)
        upload = tmp_path / "upload"
        upload.write_bytes(self.content(tmp_path))
        (tmp_path / "inside" / "a").mkdir(parents=True)
        tar_archive.unpack_tar(upload, tmp_path / "inside", Limits(), gzipped=True)
        assert (tmp_path / "escaped").read_bytes() == b"x"


class TestNamesOfOtherSystems:
    """Members named with backslashes or drive letters, which mean `..` elsewhere"""

    seen = "model rejected, `unsafe_archive`"
    guard = PLAIN
    instead = (
        "the paths of such a system, as Python's library joins them: the service takes the "
        "name then, and runs on Linux alone, where it is one file's name"
    )
    names = ("..\\escaped", "C:escaped", "c:\\windows\\escaped", "\\\\server\\share\\x")

    @pytest.mark.parametrize("name", names)
    def test_the_upload_is_rejected_by_name(self, door: Door, name: str) -> None:
        content = zipped({"m.onnx": perceptron(1), name: b"x"})
        door.rejected("models", content, "unsafe_archive", "does not have a relative path")

    @pytest.mark.parametrize("name", names)
    def test_such_a_system_leaves_its_folder_without_the_guard(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
    ) -> None:
        monkeypatch.setattr(zip_archive, "plain_name", _as_it_is)
        upload = tmp_path / "upload"
        upload.write_bytes(zipped({name: b"x"}))
        assert list(zip_archive.unpack_zip(upload, tmp_path / "inside", Limits())) == [name]
        folder = "D:\\work\\job"
        assert not ntpath.normpath(ntpath.join(folder, name)).startswith(folder)


class TestNulInAName(Rejected):
    """A tar whose extended header gives a member a name with a NUL character"""

    code, told = "unsafe_archive", "not a plain name"
    guard = PLAIN

    def content(self, folder: Path) -> bytes:
        info, content = member("innocent.onnx", perceptron(1))
        packed = io.BytesIO()
        info.pax_headers = {"path": "m.onnx\0.txt"}
        with tarfile.open(fileobj=packed, mode="w:gz", format=tarfile.PAX_FORMAT) as archive:
            archive.addfile(info, io.BytesIO(content))
        return packed.getvalue()

    def test_unpacking_breaks_without_the_guard(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tar_archive, "plain_name", _as_it_is)
        upload = tmp_path / "upload"
        upload.write_bytes(self.content(tmp_path))
        with pytest.raises(ValueError, match="null byte"):  # a bug, and no refusal
            tar_archive.unpack_tar(upload, tmp_path / "inside", Limits(), gzipped=True)


LINKS = (
    "{}, which makes links: the service has no code that does, so that without the refusal a "
    "link is left out, or a file that holds its target as text"
)


def _any_kind(member: tarfile.TarInfo, budget: Budget) -> str:
    """As `_admitted`, of links and devices too."""
    name = plain_name(member.name)
    budget.admit(name, member.size, None)
    return name


class TestTarThroughASymbolicLink(Rejected):
    """A tar with a link to a folder outside, and a member below that link"""

    code, told = "unsafe_archive", "a link or a device"
    guard = "plain files and folders alone are unpacked"
    instead = LINKS.format("Python's library")

    def content(self, folder: Path) -> bytes:
        (folder / "outside").mkdir(exist_ok=True)
        link = member("data", link=str(folder / "outside"), kind=tarfile.SYMTYPE)
        return tarred(member("m.onnx", perceptron(1)), link, member("data/escaped", b"x"))

    def test_it_lands_outside_without_the_guard(self, tmp_path: Path) -> None:
        with tarfile.open(fileobj=io.BytesIO(self.content(tmp_path))) as archive:
            archive.extractall(tmp_path / "inside", filter="fully_trusted")
        assert (tmp_path / "outside" / "escaped").read_bytes() == b"x"

    def test_the_link_is_left_out_even_where_it_is_admitted(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tar_archive, "_admitted", _any_kind)
        upload = tmp_path / "upload"
        upload.write_bytes(self.content(tmp_path))
        placed = tar_archive.unpack_tar(upload, tmp_path / "inside", Limits(), gzipped=False)
        assert set(placed) == {"m.onnx", "data/escaped"}
        assert list((tmp_path / "outside").iterdir()) == []

    def test_the_upload_is_rejected_by_name(self, door: Door, tmp_path: Path) -> None:
        content = self.content(tmp_path)
        door.rejected(self.kind, content, self.code, self.told)
        assert list((tmp_path / "outside").iterdir()) == []


class TestHardLink(Rejected):
    """A tar whose weights are a hard link to a file outside"""

    code, told = "unsafe_archive", "a link or a device"
    guard = "plain files and folders alone are unpacked"
    instead = LINKS.format("Python's library")

    def content(self, folder: Path) -> bytes:
        linked = member("w.bin", link=str(folder / "secret"), kind=tarfile.LNKTYPE)
        return tarred(member("m.onnx", perceptron(1)), linked)

    def test_it_leads_to_the_file_without_the_guard(self, tmp_path: Path) -> None:
        (tmp_path / "secret").write_text("s3cret")
        with tarfile.open(fileobj=io.BytesIO(self.content(tmp_path))) as archive:
            archive.extractall(tmp_path / "inside", filter="fully_trusted")
        assert (tmp_path / "inside" / "w.bin").read_text() == "s3cret"


class TestZippedLink(Rejected):
    """A zip with a member that is a symbolic link"""

    code, told = "unsafe_archive", "a link or a device"
    guard = "plain files and folders alone are unpacked"
    instead = LINKS.format("An unpacker")

    def content(self, folder: Path) -> bytes:
        return zipped_link("m.onnx", str(folder / "secret"))

    def test_it_leads_to_the_file_without_the_guard(self, tmp_path: Path) -> None:
        (tmp_path / "secret").write_text("s3cret")
        with zipfile.ZipFile(io.BytesIO(self.content(tmp_path))) as archive:
            (info,) = archive.infolist()
            (tmp_path / info.filename).symlink_to(archive.read(info).decode())
        assert (tmp_path / "m.onnx").read_text() == "s3cret"


class TestSameNameTwice(Rejected):
    """A zip with two members of one name: one reader takes the first, another the last"""

    code, told = "unsafe_archive", "twice"
    guard = "every name comes once"

    def content(self, folder: Path) -> bytes:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("m.onnx", perceptron(1))
            with pytest.warns(UserWarning, match="Duplicate name"):
                archive.writestr("m.onnx", perceptron(2))
        return packed.getvalue()

    def test_two_readers_see_two_models_without_the_guard(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def forgetful(limits: Limits, packed_bytes: int) -> Budget:
            return Budget(limits, packed_bytes, names=NoNames())

        upload = tmp_path / "upload"
        upload.write_bytes(self.content(tmp_path))
        with zipfile.ZipFile(upload) as archive:
            first, last = (archive.read(info) for info in archive.infolist())
            assert archive.read("m.onnx") == last != first
        monkeypatch.setattr(zip_archive, "Budget", forgetful)
        place = zip_archive.unpack_zip(upload, tmp_path / "inside", Limits())["m.onnx"]
        with place.path.open("rb") as file:
            file.seek(place.offset)
            assert (
                file.read(place.size_bytes) == last
            )  # who reads from front to back sees first


class NoNames(set[str]):
    """A set that nothing seems to be in."""

    def __contains__(self, _name: object) -> bool:
        return False
