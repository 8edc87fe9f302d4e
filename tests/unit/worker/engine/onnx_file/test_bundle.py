import tarfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from worker.engine.onnx_file.array import array
from worker.engine.onnx_file.bundle import read_artifact, write_bundle
from worker.engine.onnx_file.place import is_mapped
from worker.engine.onnx_file.read import read_model
from worker.engine.onnx_file.write import write_model
from worker.engine.session import open_session, run

SIDE = 130  # a square of floats is 67,600 bytes, of which 65,536 stay in their file
PICK = np.eye(SIDE, dtype=np.float32)[:1]


def mapped(path: Path) -> onnx.ModelProto:
    """y = (x a) b: a counts up, b doubles."""
    first = np.arange(SIDE * SIDE, dtype=np.float32).reshape(SIDE, SIDE)
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["x", "a"], ["h"]),
            helper.make_node("MatMul", ["h", "b"], ["m"]),
            helper.make_node("Add", ["m", "c"], ["y"]),
        ],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", SIDE])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", SIDE])],
        [
            numpy_helper.from_array(first, "a"),
            numpy_helper.from_array(np.eye(SIDE, dtype=np.float32) * 2, "b"),
            numpy_helper.from_array(np.full(SIDE, 7, np.float32), "c"),
        ],
    )
    opsets = [helper.make_opsetid("", 18)]
    made = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    path.write_bytes(made.SerializeToString())
    return read_model(path)


def expected() -> NDArray[np.float32]:
    return 2 * np.arange(SIDE, dtype=np.float32)[None] + 7


def test_unpacked_it_is_a_model_with_external_data_that_any_tool_reads(tmp_path: Path) -> None:
    write_bundle(mapped(tmp_path / "m.onnx"), tmp_path / "m.tar")
    with tarfile.open(tmp_path / "m.tar") as archive:
        assert archive.getnames() == ["model.onnx", "model.onnx.data"]
        archive.extractall(tmp_path / "out", filter="data")
    path = tmp_path / "out" / "model.onnx"
    onnx.checker.check_model(str(path), full_check=True)
    assert [t.name for t in onnx.load(path).graph.initializer] == ["a", "b", "c"]
    places = onnx.load(path, load_external_data=False).graph.initializer
    offsets = [{e.key: e.value for e in t.external_data}["offset"] for t in places[:2]]
    assert offsets == ["0", "69632"]  # 67,600 bytes reach into the 17th page of 4096
    (y,) = onnxruntime.InferenceSession(str(path)).run(None, {"x": PICK})
    assert (y == expected()).all()


def test_it_is_read_and_run_where_it_lies(tmp_path: Path) -> None:
    write_bundle(mapped(tmp_path / "m.onnx"), tmp_path / "m.tar")
    model = read_artifact(tmp_path / "m.tar")
    assert [is_mapped(t) for t in model.graph.initializer] == [True, True, False]
    assert array(model.graph.initializer[0])[1, 2] == SIDE + 2
    for deployed in (False, True):
        session = open_session(tmp_path / "m.tar", as_deployed=deployed)
        assert (run(session, {"x": PICK})["y"] == expected()).all()


def test_the_same_model_gives_the_same_tar(tmp_path: Path) -> None:
    model = mapped(tmp_path / "m.onnx")
    write_bundle(model, tmp_path / "a.tar")
    write_bundle(read_artifact(tmp_path / "a.tar"), tmp_path / "b.tar")
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()


def test_another_name_is_a_plain_model(tmp_path: Path) -> None:
    write_model(mapped(tmp_path / "m.onnx"), tmp_path / "n.onnx")
    assert len(read_artifact(tmp_path / "n.onnx").graph.initializer) == 3
