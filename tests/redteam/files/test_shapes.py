"""Headers that declare more than there is, to have it allocated."""

import io
import json
import struct
import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.redteam.door import Door
from tests.redteam.files.archives import zipped
from tests.redteam.rejected import Rejected
from tests.redteam.throwaway import outcome
from worker.engine.intake.runtime import LOAD_ERRORS
from worker.engine.session import open_session

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

    def test_a_reader_allocates_by_the_shape_without_the_guard(self, tmp_path: Path) -> None:
        (weight,) = onnx.ModelProto.FromString(self.content(tmp_path)).graph.initializer
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

    def content(self, folder: Path) -> bytes:
        return zipped({"t/x.npy": header(f"({HUGE},)")})

    def test_numpy_allocates_it_without_the_guard(self, tmp_path: Path) -> None:
        with zipfile.ZipFile(io.BytesIO(self.content(tmp_path))) as archive:
            content = archive.read("t/x.npy")
        with pytest.raises((MemoryError, ValueError), match=r"[Aa]llocate|array is too big"):
            np.lib.format.read_array(io.BytesIO(content))


def tensors(header: dict[str, object], data: bytes) -> bytes:
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

    def test_a_reader_allocates_it_without_the_guard(self) -> None:
        with pytest.raises((MemoryError, OverflowError)):
            bytearray(1 << 60)


class TestOverlappingTensors(Rejected):
    """A safetensors file of which a thousand tensors share the same bytes"""

    code, told = "corrupt_model", "no safetensors file"
    guard = "tensors lie one behind the other, without holes"

    def entries(self) -> dict[str, object]:
        one = {"dtype": "F32", "shape": [1024], "data_offsets": [0, 4096]}
        return {f"t{k}": one for k in range(1000)}

    def content(self, folder: Path) -> bytes:
        return folder_of(tensors(self.entries(), bytes(4096)))

    def test_they_read_a_hundred_times_the_file_without_the_guard(self) -> None:
        content = tensors(self.entries(), bytes(4096))
        start = 8 + struct.unpack_from("<Q", content)[0]
        read = 0
        for entry in json.loads(content[8:start]).values():
            begin, end = entry["data_offsets"]
            read += len(content[start + begin : start + end])
        assert read > 40 * len(content)


class TestTensorOutsideTheFile(Rejected):
    """A safetensors file with a tensor that lies behind its end"""

    code, told = "corrupt_model", "no safetensors file"
    guard = "the last tensor ends where the file does"

    def content(self, folder: Path) -> bytes:
        far = {"dtype": "F32", "shape": [HUGE], "data_offsets": [0, 4 * HUGE]}
        return folder_of(tensors({"t": far}, bytes(64)))

    def test_a_reader_allocates_it_without_the_guard(self) -> None:
        with pytest.raises(MemoryError):
            np.empty(HUGE, np.float32)


class TestGiantTableLine(Rejected):
    """A CSV file whose one line has a million columns"""

    kind, code, told = "datasets", "not_a_dataset", "longer than"
    guard = "a line has at most four million letters"

    def content(self, folder: Path) -> bytes:
        names = ",".join(f"c{k}" for k in range(1_000_000))
        return f"{names}\n{'1,' * 999_999}1\n".encode()

    def test_every_name_is_held_without_the_guard(self, tmp_path: Path) -> None:
        first = self.content(tmp_path).partition(b"\n")[0].decode()
        assert len(first.split(",")) == 1_000_000


class TestGiantParquetFooter(Rejected):
    """A parquet file whose footer is said to be 2 GiB long"""

    kind, code, told = "datasets", "not_a_dataset", "cannot be read"
    guard = "the footer's length is held against the file's"

    def content(self, folder: Path) -> bytes:
        return b"PAR1" + bytes(64) + struct.pack("<I", (1 << 31) - 1) + b"PAR1"

    def test_the_footer_would_be_allocated_without_the_guard(self, tmp_path: Path) -> None:
        content = self.content(tmp_path)
        (said,) = struct.unpack("<I", content[-8:-4])
        assert len(bytearray(said)) > 10_000_000 * len(content)
