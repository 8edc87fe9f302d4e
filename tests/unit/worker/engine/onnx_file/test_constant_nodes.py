"""Weights that an exporter wrote as Constant nodes are mapped like any other."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from worker.engine.onnx_file.array import array
from worker.engine.onnx_file.place import is_mapped, place_of
from worker.engine.onnx_file.read import read_model
from worker.engine.onnx_file.write import write_model
from worker.engine.session import open_session, run

SIDE = 160  # squared, in floats: 102,400 bytes
WEIGHT = np.arange(SIDE * SIDE, dtype=np.float32).reshape(SIDE, SIDE)


def _constant(
    name: str, values: np.ndarray[tuple[int, ...], np.dtype[np.generic]]
) -> onnx.NodeProto:
    tensor = numpy_helper.from_array(values, f"{name} as it was called inside")
    return helper.make_node("Constant", [], [name], f"make {name}", value=tensor)


def _model(*nodes: onnx.NodeProto) -> onnx.ModelProto:
    graph = helper.make_graph(
        [
            _constant("few", np.full(SIDE, 7, np.float32)),
            _constant("w", WEIGHT),
            helper.make_node("MatMul", ["x", "w"], ["h"]),
            _constant("v", WEIGHT * 2),
            *nodes,
            helper.make_node("Add", ["h", "few"], ["a"]),
            helper.make_node("MatMul", ["a", "v"], ["y"]),
        ],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", SIDE])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", SIDE])],
        [numpy_helper.from_array(WEIGHT * 3, "unused")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def test_large_constant_nodes_become_mapped_initializers(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(_model().SerializeToString())
    read = read_model(path)
    assert [node.op_type for node in read.graph.node] == ["Constant", "MatMul", "Add", "MatMul"]
    tensors = {tensor.name: tensor for tensor in read.graph.initializer}
    assert list(tensors) == ["unused", "w", "v"]
    assert all(
        is_mapped(tensor) and place_of(tensor).path == path for tensor in tensors.values()
    )
    assert [float(array(tensor)[1, 2]) for tensor in tensors.values()] == [486, 162, 324]
    x = np.eye(2, SIDE, dtype=np.float32)
    expected = run(open_session(_model()), {"x": x})["y"]
    assert np.allclose(run(open_session(read), {"x": x})["y"], expected)
    write_model(read, tmp_path / "again.onnx")
    assert onnx.load(tmp_path / "again.onnx").graph.initializer[1].name == "w"


@pytest.mark.parametrize("other", ["domain", "operator", "attribute"])
def test_what_only_looks_like_a_constant_stays(other: str, tmp_path: Path) -> None:
    odd = _constant("odd", WEIGHT)
    if other == "domain":
        odd.domain = "mine"
    elif other == "operator":
        odd.op_type = "ConstantOfShape"
    else:
        odd.attribute[0].name = "sparse_value"
    path = tmp_path / "m.onnx"
    path.write_bytes(_model(odd).SerializeToString())
    read = read_model(path)
    assert [tensor.name for tensor in read.graph.initializer] == ["unused", "w", "v"]
    assert read.graph.node[2] == odd
