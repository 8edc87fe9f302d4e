"""ONNX models whose tensors are said to lie in files that are somebody else's."""

import io
import tarfile
import zipfile
from abc import abstractmethod
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper

from lathe.errors import UnsafeExternalData
from tests.redteam.door import Door
from tests.redteam.files.archives import member, tarred, zipped, zipped_link
from tests.redteam.rejected import Rejected
from worker.engine.intake import external_data, load, tar_archive, zip_archive
from worker.engine.intake.archive import Budget
from worker.engine.intake.external_data import bring_in
from worker.engine.intake.zip_archive import unpack_zip
from worker.engine.onnx_file.place import Place, whole
from worker.engine.session import open_session
from worker.wire import Limits

SECRET = np.arange(64, dtype=np.float32)
INSIDE = "a tensor's place is a plain path inside the upload, and its bytes are read by Lathe"


def pointing(location: str, **more: str) -> bytes:
    """y = x w, with w (16, 4) at `location`."""
    weight = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[16, 4])
    weight.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, **more}.items():
        weight.external_data.add(key=key, value=value)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 16])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 4])],
        [weight],
    )
    opsets = [helper.make_opsetid("", 18)]
    made: bytes = helper.make_model(
        graph, opset_imports=opsets, ir_version=10
    ).SerializeToString()
    return made


def _as_it_is(name: str) -> str:
    return name


class Disk(dict[str, Place]):
    """Every file that a path leads to from `folder`, as if all of them had been uploaded."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    def get(self, name: str, _default: object = None) -> Place | None:  # type: ignore[override]
        path = self._folder / name
        return whole(path) if path.exists() else None


def brought(model: bytes, files: dict[str, Place]) -> np.ndarray:
    """What the service reads for w where these are the files of the upload."""
    made = onnx.ModelProto.FromString(model)
    bring_in(made, "", files)
    return onnx.numpy_helper.to_array(made.graph.initializer[0]).reshape(-1)


class _Outside(Rejected):
    """A place outside the upload, which two rules keep from being read: its name is none of a
    plain path, and it is looked for among the members alone."""

    code = "unsafe_external_data"
    guard = INSIDE

    @abstractmethod
    def location(self, folder: Path) -> str:
        """Where a secret lies that is `folder / "secret"`, seen from `folder / "job"`."""

    def content(self, folder: Path) -> bytes:
        return zipped({"m.onnx": pointing(self.location(folder))})

    @pytest.fixture
    def job(self, tmp_path: Path) -> Path:
        (tmp_path / "secret").write_bytes(SECRET.tobytes())
        (tmp_path / "job").mkdir()
        return tmp_path / "job"

    def test_the_name_alone_is_refused(self, tmp_path: Path, job: Path) -> None:
        with pytest.raises(UnsafeExternalData, match="not a plain path"):
            brought(pointing(self.location(tmp_path)), Disk(job))

    def test_what_is_no_member_alone_is_refused(
        self, tmp_path: Path, job: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(external_data, "plain_name", _as_it_is)
        with pytest.raises(UnsafeExternalData, match="not in the upload"):
            brought(pointing(self.location(tmp_path)), {"w.bin": whole(tmp_path / "secret")})

    def test_the_secret_is_read_without_the_guard(
        self, tmp_path: Path, job: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(external_data, "plain_name", _as_it_is)
        found = brought(pointing(self.location(tmp_path)), Disk(job))
        assert np.array_equal(found, SECRET)


class TestDataAbove(_Outside):
    """External data at `../secret`"""

    told = "'../secret'"

    def location(self, folder: Path) -> str:
        return "../secret"


class TestDataAtTheRoot(_Outside):
    """External data at a whole path such as `/etc/passwd`"""

    told = "not a plain path inside the archive"

    def location(self, folder: Path) -> str:
        return str(folder / "secret")


class TestLoneModelWithData(Rejected):
    """External data of a model that came alone: any file beside it is another's"""

    code, told = "unsafe_external_data", "lies in another file"
    guard = INSIDE

    def content(self, folder: Path) -> bytes:
        return pointing("task.json")

    def test_it_reads_any_file_of_the_machine_without_the_guard(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        secret = tmp_path / "secret"
        secret.write_bytes(SECRET.tobytes())
        upload = tmp_path / "upload"
        # Lathe's own word for a place that it has checked: the path without its first slash
        upload.write_bytes(pointing(str(secret).lstrip("/"), offset="0", length="256"))
        with pytest.raises(UnsafeExternalData):
            load.load_model(upload, tmp_path / "unpacked", Limits())
        monkeypatch.setattr(load, "is_external", lambda _tensor: False)
        model, _ = load.load_model(upload, tmp_path / "unpacked", Limits())
        session = open_session(model, optimise=False)
        (found,) = session.run(None, {"x": np.eye(16, dtype=np.float32)})
        assert np.array_equal(found.reshape(-1), SECRET)


class TestRuntimeFollowsAHardLink:
    """External data that is a hard link, which onnxruntime reads where it refuses all others"""

    seen = "model rejected, `unsafe_external_data`"
    guard = "an uploaded path is never given to onnxruntime"
    instead = (
        "onnxruntime itself: the service has no code that gives it the path of an upload, and "
        "none that makes a link"
    )

    def test_the_upload_is_rejected_by_name(self, door: Door) -> None:
        # a link itself is refused as a member; its name alone leads nowhere
        content = zipped({"m.onnx": pointing("linked.bin")})
        door.rejected("models", content, "unsafe_external_data", "not in the upload")

    def test_onnxruntime_reads_it_without_the_guard(self, tmp_path: Path) -> None:
        secret = tmp_path / "secret"
        secret.write_bytes(SECRET.tobytes())
        (tmp_path / "job").mkdir()
        (tmp_path / "job" / "linked.bin").hardlink_to(secret)
        path = tmp_path / "job" / "m.onnx"
        path.write_bytes(pointing("linked.bin"))
        session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        (found,) = session.run(None, {"x": np.eye(16, dtype=np.float32)})
        assert np.array_equal(found.reshape(-1), SECRET)


class _Linked(Rejected):
    """Weights at `w.bin`, which is in the upload: a symbolic link to a file outside."""

    code, told = "unsafe_archive", "'w.bin' is a link or a device"
    guard = "plain files and folders alone are unpacked"
    model = pointing("w.bin")
    found: ClassVar[str]

    @abstractmethod
    def admit(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Take away that a member's kind is looked at."""

    @abstractmethod
    def unpack(self, folder: Path) -> None:
        """Unpack it below `folder / "job"` as those do who make links."""

    @pytest.fixture
    def secret(self, tmp_path: Path) -> Path:
        path = tmp_path / "secret"
        path.write_bytes(SECRET.tobytes())
        return path

    @pytest.mark.usefixtures("secret")
    def test_its_target_is_not_read_even_where_the_link_is_admitted(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.admit(monkeypatch)
        upload = tmp_path / "upload"
        upload.write_bytes(self.content(tmp_path))
        with pytest.raises(UnsafeExternalData, match=self.found):
            load.load_model(upload, tmp_path / "unpacked", Limits())

    @pytest.mark.usefixtures("secret")
    def test_our_reader_follows_the_link_without_the_guard(self, tmp_path: Path) -> None:
        self.unpack(tmp_path)
        job = tmp_path / "job"
        assert (job / "w.bin").is_symlink()
        assert np.array_equal(brought((job / "m.onnx").read_bytes(), Disk(job)), SECRET)


class TestDataLinkedInATar(_Linked):
    """External data in a tar at a member that is a symbolic link to a file outside"""

    found = "not in the upload"
    instead = (
        "Python's library, which makes the link, and then the service's own reader, which "
        "follows it: without the refusal the service leaves the link out, and misses the data"
    )

    def content(self, folder: Path) -> bytes:
        link = member("w.bin", link=str(folder / "secret"), kind=tarfile.SYMTYPE)
        return tarred(member("m.onnx", self.model), link)

    def admit(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Links and devices too."""
        monkeypatch.setattr(tar_archive, "_admitted", _of_any_kind)

    def unpack(self, folder: Path) -> None:
        """With links as they are."""
        with tarfile.open(fileobj=io.BytesIO(self.content(folder))) as archive:
            archive.extractall(folder / "job", filter="fully_trusted")


class TestDataLinkedInAZip(_Linked):
    """External data in a zip at a member that is a symbolic link to a file outside"""

    found = "upload the complete files"
    instead = (
        "an unpacker, which makes the link, and then the service's own reader, which follows "
        "it: without the refusal the service takes the link's own text for the data"
    )

    def content(self, folder: Path) -> bytes:
        return zipped_link("w.bin", str(folder / "secret"), **{"m.onnx": self.model})

    def admit(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Links and devices too."""
        monkeypatch.setattr(zip_archive, "members", _all_members)

    def unpack(self, folder: Path) -> None:
        """With links as they are."""
        with zipfile.ZipFile(io.BytesIO(self.content(folder))) as archive:
            archive.extract("m.onnx", folder / "job")
            (folder / "job" / "w.bin").symlink_to(archive.read("w.bin").decode())


def _of_any_kind(member: tarfile.TarInfo, _budget: Budget) -> str:
    return member.name


def _all_members(archive: zipfile.ZipFile, _budget: Budget) -> dict[str, zipfile.ZipInfo]:
    return {info.filename: info for info in archive.infolist()}


class _Beyond(Rejected):
    """A place that reaches past the end of its file."""

    code, told = "unsafe_external_data", "upload the complete files"
    guard = "offset and length stay within the file, and are what the shape takes"
    more: ClassVar[dict[str, str]]

    def files(self) -> dict[str, bytes]:
        """The members, in this order."""
        first = {"m.onnx": pointing("w.bin", **self.more), "w.bin": SECRET.tobytes()[:200]}
        return first | {"other.bin": b"s3cret" * 20}

    def content(self, folder: Path) -> bytes:
        return zipped(self.files())

    def endless(self, folder: Path) -> dict[str, Place]:
        """The members of the same archive unpacked, `w.bin` as if it had no end."""
        upload = folder / "upload"
        with zipfile.ZipFile(upload, "w") as archive:
            for name, content in self.files().items():
                archive.writestr(name, content)
        placed = unpack_zip(upload, folder / "inside", Limits())
        return placed | {"w.bin": replace(placed["w.bin"], size_bytes=1 << 63)}


class TestDataPastTheEnd(_Beyond):
    """External data longer than its file, so that what lies behind it in the archive is read"""

    more: ClassVar = {"length": "256"}

    def test_the_neighbour_is_read_without_the_guard(self, tmp_path: Path) -> None:
        # stored members lie one after the other, and are mapped where they lie
        found = brought(pointing("w.bin", **self.more), self.endless(tmp_path))
        assert b"s3cret" in found.tobytes()


class TestDataOffsetPastTheEnd(_Beyond):
    """External data at an offset of 2^62"""

    more: ClassVar = {"offset": str(1 << 62), "length": "256"}

    def test_the_read_breaks_without_the_guard(self, tmp_path: Path) -> None:
        with pytest.raises(OSError, match="Invalid argument"):  # a bug, and no refusal
            brought(pointing("w.bin", **self.more), self.endless(tmp_path))
