"""ONNX models whose tensors are said to lie in files that are somebody else's."""

import os
import zipfile
from pathlib import Path
from typing import ClassVar

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, external_data_helper, helper

from tests.redteam.door import Door
from tests.redteam.files.archives import zipped
from tests.redteam.rejected import Rejected
from worker.engine.intake.external_data import bring_in
from worker.engine.onnx_file.place import Place

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


def _opened(folder: str, location: str, _name: str, _read_only: bool) -> int:
    return os.open(f"{folder}/{location}" if location[0] != "/" else location, os.O_RDONLY)


def stolen(model: bytes, folder: Path, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """What onnx reads for w when it joins the paths and asks no more."""
    monkeypatch.setattr(external_data_helper.c_checker, "_open_external_data", _opened)
    (folder / "job").mkdir(exist_ok=True)
    path = folder / "job" / "m.onnx"
    path.write_bytes(model)
    loaded = onnx.load(path)
    return onnx.numpy_helper.to_array(loaded.graph.initializer[0])


class TestDataAbove(Rejected):
    """External data at `../secret`"""

    code, told = "unsafe_external_data", "'../secret'"
    guard = INSIDE

    def content(self, folder: Path) -> bytes:
        return zipped({"m.onnx": pointing("../secret")})

    def test_onnx_reads_it_without_the_guard(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "secret").write_bytes(SECRET.tobytes())
        found = stolen(pointing("../secret"), tmp_path, monkeypatch)
        assert np.array_equal(found.reshape(-1), SECRET)


class TestDataAtTheRoot(Rejected):
    """External data at a whole path such as `/etc/passwd`"""

    code, told = "unsafe_external_data", "not a plain path inside the archive"
    guard = INSIDE

    def content(self, folder: Path) -> bytes:
        return zipped({"m.onnx": pointing(str(folder / "secret"))})

    def test_onnx_reads_it_without_the_guard(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "secret").write_bytes(SECRET.tobytes())
        found = stolen(pointing(str(tmp_path / "secret")), tmp_path, monkeypatch)
        assert np.array_equal(found.reshape(-1), SECRET)


class TestLoneModelWithData(Rejected):
    """External data of a model that came alone: any file beside it is another's"""

    code, told = "unsafe_external_data", "lies in another file"
    guard = INSIDE

    def content(self, folder: Path) -> bytes:
        return pointing("task.json")

    def test_onnx_reads_what_lies_beside_it_without_the_guard(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "job").mkdir()
        (tmp_path / "job" / "task.json").write_bytes(SECRET.tobytes())
        found = stolen(pointing("task.json"), tmp_path, monkeypatch)
        assert np.array_equal(found.reshape(-1), SECRET)


class TestRuntimeFollowsAHardLink:
    """External data that is a hard link, which onnxruntime reads where it refuses all others"""

    seen = "model rejected, `unsafe_external_data`"
    guard = "an uploaded path is never given to onnxruntime"

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


class _Beyond(Rejected):
    """A place that reaches past the end of its file."""

    code, told = "unsafe_external_data", "upload the complete files"
    guard = "offset and length stay within the file, and are what the shape takes"
    more: ClassVar[dict[str, str]]

    def content(self, folder: Path) -> bytes:
        files = {"m.onnx": pointing("w.bin", **self.more), "w.bin": SECRET.tobytes()[:200]}
        return zipped(files | {"other.bin": b"s3cret" * 20})


class TestDataPastTheEnd(_Beyond):
    """External data longer than its file, so that what lies behind it in the archive is read"""

    more: ClassVar = {"length": "256"}

    def test_the_neighbour_is_read_without_the_guard(self, tmp_path: Path) -> None:
        # stored members lie one after the other, and are read where they lie
        upload = tmp_path / "upload"
        with zipfile.ZipFile(upload, "w", zipfile.ZIP_STORED) as archive:
            archive.writestr("w.bin", SECRET.tobytes()[:200])
            archive.writestr("other.bin", b"s3cret" * 20)
        begin = upload.read_bytes().index(SECRET.tobytes()[:200])
        model = onnx.load_from_string(pointing("w.bin", **self.more))
        bring_in(model, "", {"w.bin": Place(upload, begin, 200 + 120)})  # as if all were its
        assert b"s3cret" in model.graph.initializer[0].raw_data


class TestDataOffsetPastTheEnd(_Beyond):
    """External data at an offset of 2^62"""

    more: ClassVar = {"offset": str(1 << 62), "length": "256"}

    def test_the_read_breaks_without_the_guard(self, tmp_path: Path) -> None:
        path = tmp_path / "w.bin"
        path.write_bytes(SECRET.tobytes())
        with pytest.raises((OverflowError, ValueError, OSError)):
            np.memmap(path, np.uint8, "r", 1 << 62, 256)
