"""Headers that declare more than there is, to have it allocated."""

import io
import json
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from lathe.errors import CorruptModel, NotADataset
from tests.redteam.door import Door
from tests.redteam.files.archives import zipped
from tests.redteam.rejected import Rejected
from tests.redteam.throwaway import outcome
from worker.engine.intake import load, tensor_file, tensors
from worker.engine.intake.formats.table import csv_lines
from worker.engine.intake.npy_header import BadArrayError, NpyHeader
from worker.engine.intake.npz_source import open_npz
from worker.engine.intake.runtime import LOAD_ERRORS
from worker.engine.intake.tensor_file import StoredTensor
from worker.engine.onnx_file.place import whole
from worker.engine.session import open_session
from worker.wire import Limits

HUGE = 1 << 50  # elements: no machine has room for them


def network(nodes: list[onnx.NodeProto], *initializers: onnx.TensorProto) -> bytes:
    """x (batch, 4) -> y, of these nodes."""
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 4])],
        list(initializers),
    )
    opsets = [helper.make_opsetid("", 18)]
    made: bytes = helper.make_model(
        graph, opset_imports=opsets, ir_version=10
    ).SerializeToString()
    return made


class TestGiantInitializer(Rejected):
    """An ONNX weight that declares 2^50 elements and holds four"""

    code, told = "corrupt_model", "impossible shape"
    guard = "what a shape takes is held against the bytes that are there"

    def content(self, folder: Path) -> bytes:
        weight = numpy_helper.from_array(np.ones(4, np.float32), "w")
        weight.dims[:] = [HUGE]
        return network([helper.make_node("Add", ["x", "w"], ["y"])], weight)

    instead = (
        "an allocation by the shape that the service then believes: onnx and onnxruntime look "
        "at it once more"
    )

    def test_each_of_two_rules_refuses_it(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        upload = tmp_path / "upload"
        upload.write_bytes(self.content(tmp_path))
        with pytest.raises(CorruptModel, match="impossible shape"):
            load.load_model(upload, tmp_path, Limits())
        monkeypatch.setattr(tensors, "MAX_ELEMENTS", 1 << 62)
        with pytest.raises(CorruptModel, match="but holds 16 bytes"):
            load.load_model(upload, tmp_path, Limits())

    def test_a_reader_allocates_by_the_shape_without_the_guard(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        upload = tmp_path / "upload"
        upload.write_bytes(self.content(tmp_path))
        monkeypatch.setattr(load, "check_declared", lambda _tensor: None)
        model, _ = load.load_model(upload, tmp_path, Limits())
        (weight,) = model.graph.initializer
        assert list(weight.dims) == [HUGE]
        with pytest.raises(MemoryError):
            np.empty(weight.dims, np.float32)


def _runs_out(content: bytes) -> None:
    session = open_session(onnx.ModelProto.FromString(content), optimise=False)
    with pytest.raises(LOAD_ERRORS, match=r"(?i)memory|alloc"):
        session.run(None, {"x": np.ones((1, 4), np.float32)})


class TestGiantConstantOfShape:
    """An ONNX model that makes a tensor of 2^45 elements when it runs"""

    seen = "model rejected by name, or its finding says that it does not run"
    guard = "the child's memory limit"

    def content(self) -> bytes:
        shape = numpy_helper.from_array(np.array([1 << 45], np.int64), "shape")
        return network(
            [
                helper.make_node("ConstantOfShape", ["shape"], ["big"]),
                helper.make_node("ReduceSum", ["big"], ["sum"], keepdims=0),
                helper.make_node("Add", ["x", "sum"], ["y"]),
            ],
            shape,
        )

    def test_the_child_says_so_and_lives(self, door: Door) -> None:
        view = door.sent("models", self.content())
        if view["state"] == "rejected":
            assert view["failure"]["code"] in {
                "out_of_memory",
                "unsupported_model",
                "corrupt_model",
            }
        else:
            assert any(
                "alloc" in str(one).lower() or "run" in str(one) for one in view["findings"]
            ), view

    def test_the_runtime_tries_to_allocate_it_without_the_guard(self) -> None:
        assert outcome(_runs_out, self.content()) == 0


def header(shape: str) -> bytes:
    """An .npy file of 16 bytes of data with this shape."""
    text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + bytes(16)


class TestGiantArray(Rejected):
    """An `.npy` header that declares 2^50 elements"""

    kind, code, told = "datasets", "not_a_dataset", "declares"
    guard = "what a header declares is held against the member's size"
    instead = (
        "numpy's reader: without the refusal ours reads a megabyte at a time, and says that "
        "the array is cut short"
    )

    def content(self, folder: Path) -> bytes:
        return zipped({"t/x.npy": header(f"({HUGE},)")})

    def test_numpy_allocates_it_without_the_guard(self, tmp_path: Path) -> None:
        with zipfile.ZipFile(io.BytesIO(self.content(tmp_path))) as archive:
            content = archive.read("t/x.npy")
        with pytest.raises((MemoryError, ValueError), match=r"[Aa]llocate|array is too big"):
            np.lib.format.read_array(io.BytesIO(content))

    def test_its_end_is_found_even_where_the_header_is_believed(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        upload = tmp_path / "upload"
        upload.write_bytes(self.content(tmp_path))
        monkeypatch.setattr(NpyHeader, "size_bytes", 0)
        with (
            open_npz(whole(upload), tmp_path, Limits()) as arrays,
            pytest.raises(BadArrayError, match="cut short"),
        ):
            list(arrays["t/x"].values())


def packed(header: dict[str, object], data: bytes) -> bytes:
    """A safetensors file with this header, true or not."""
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def folder_of(weights: bytes) -> bytes:
    """A Hugging Face folder with these weights."""
    config = json.dumps({"model_type": "bert"}).encode()
    return zipped({"config.json": config, "model.safetensors": weights})


class TestGiantSafetensorsHeader(Rejected):
    """A safetensors file whose header is said to be 2^60 bytes long"""

    code, told = "corrupt_model", "no safetensors file"
    guard = "the header's length is held against the file's"

    def content(self, folder: Path) -> bytes:
        return folder_of(struct.pack("<Q", 1 << 60) + b"{}" + bytes(64))

    def test_a_reader_allocates_it_without_the_guard(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tmp_path / "model.safetensors"
        path.write_bytes(struct.pack("<Q", 1 << 60) + b"{}" + bytes(64))
        monkeypatch.setattr(tensor_file, "MAX_HEADER_BYTES", 1 << 62)
        with path.open("rb") as file, pytest.raises((MemoryError, OverflowError)):
            tensor_file.header_of(file, 1 << 62)  # as if the file's size were not known


def _believed(
    ordered: list[tuple[str, Any]], *, start: int, size: int
) -> dict[str, StoredTensor]:
    """As `_placed`, of whatever the header says."""
    return {
        name: StoredTensor("float32", entry.shape, start + entry.data_offsets[0])
        for name, entry in ordered
    }


class TestOverlappingTensors(Rejected):
    """A safetensors file of which a thousand tensors share the same bytes"""

    code, told = "corrupt_model", "no safetensors file"
    guard = "tensors lie one behind the other, without holes"

    def entries(self) -> dict[str, object]:
        one = {"dtype": "F32", "shape": [1024], "data_offsets": [0, 4096]}
        return {f"t{k}": one for k in range(1000)}

    def content(self, folder: Path) -> bytes:
        return folder_of(packed(self.entries(), bytes(4096)))

    def test_they_read_a_hundred_times_the_file_without_the_guard(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        content = packed(self.entries(), bytes(4096))
        monkeypatch.setattr(tensor_file, "_placed", _believed)
        found = tensor_file.header_of(io.BytesIO(content), len(content))
        read = 0
        for tensor in found.values():
            read += len(content[tensor.offset : tensor.offset + tensor.size_bytes])
        assert read > 40 * len(content)


class TestTensorOutsideTheFile(Rejected):
    """A safetensors file with a tensor that lies behind its end"""

    code, told = "corrupt_model", "no safetensors file"
    guard = "the last tensor ends where the file does"

    def content(self, folder: Path) -> bytes:
        far = {"dtype": "F32", "shape": [HUGE], "data_offsets": [0, 4 * HUGE]}
        return folder_of(packed({"t": far}, bytes(64)))

    def test_a_reader_allocates_it_without_the_guard(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        far = {"dtype": "F32", "shape": [HUGE], "data_offsets": [0, 4 * HUGE]}
        content = packed({"t": far}, bytes(64))
        monkeypatch.setattr(tensor_file, "_placed", _believed)
        found = tensor_file.header_of(io.BytesIO(content), len(content))["t"]
        with pytest.raises(MemoryError):
            np.empty(found.shape, np.float32)


class TestGiantTableLine(Rejected):
    """A CSV file whose one line has a million columns"""

    kind, code, told = "datasets", "not_a_dataset", "longer than"
    guard = "a line has at most four million letters"

    def content(self, folder: Path) -> bytes:
        names = ",".join(f"c{k}" for k in range(1_000_000))
        return f"{names}\n{'1,' * 999_999}1\n".encode()

    def test_every_name_is_held_without_the_guard(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        upload = tmp_path / "upload"
        upload.write_bytes(self.content(tmp_path))
        monkeypatch.setattr(csv_lines, "LONGEST_LINE", 1 << 40)
        with pytest.raises(NotADataset, match="has 1000000 columns"):  # and has them in memory
            csv_lines.open_csv("", whole(upload), header=None)


class TestGiantParquetFooter(Rejected):
    """A parquet file whose footer is said to be 2 GiB long"""

    kind, code, told = "datasets", "not_a_dataset", "cannot be read"
    guard = "the footer's length is held against the file's"
    instead = "an allocation of that length: arrow's reader, which looks at it, has no switch"

    def content(self, folder: Path) -> bytes:
        return b"PAR1" + bytes(64) + struct.pack("<I", (1 << 31) - 1) + b"PAR1"

    def test_the_footer_would_be_allocated_without_the_guard(self, tmp_path: Path) -> None:
        content = self.content(tmp_path)
        (said,) = struct.unpack("<I", content[-8:-4])
        assert len(bytearray(said)) > 10_000_000 * len(content)
