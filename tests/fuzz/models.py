"""Small ONNX models of every kind that the readers tell apart, as seeds."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

_F = TensorProto.FLOAT
NAMES = (
    "", "x", "y", "w", "h", "c", "value", "axis", "perm", "to", "body", "then_branch",
    "else_branch", "batch", "local", "twice", "Gemm", "Constant", "If", "Loop", "Identity",
    "Reshape", "Cast", "Conv", "Scan", "Sqrt", "ConstantOfShape", "SequenceEmpty", "ai.onnx",
    "com.microsoft", "location", "offset", "length", "weights.bin", "../x", "/etc/passwd", "0",
    "8", "-1",
)  # fmt: skip


def models() -> list[onnx.ModelProto]:
    """A dense net, typed and raw data, branches and loops, local functions, sparse weights."""
    return [_dense(), _branches(), _function(), _sparse(), _typed()]


def _model(graph: onnx.GraphProto, **more: object) -> onnx.ModelProto:
    imports = [helper.make_opsetid("", 18), helper.make_opsetid("local", 1)]
    return helper.make_model(graph, opset_imports=imports, ir_version=9, **more)


def _io(name: str, *shape: int | str) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, _F, shape)


def _dense() -> onnx.ModelProto:
    w = numpy_helper.from_array(np.arange(12, dtype=np.float32).reshape(4, 3), "w")
    b = numpy_helper.from_array(np.arange(3, dtype=np.float32), "b")
    nodes = [
        helper.make_node("Gemm", ["x", "w", "b"], ["h"], name="fc"),
        helper.make_node("Relu", ["h"], ["y"]),
    ]
    return _model(
        helper.make_graph(nodes, "g", [_io("x", "batch", 4)], [_io("y", "batch", 3)], [w, b])
    )


def _branches() -> onnx.ModelProto:
    on = numpy_helper.from_array(np.array(1, bool), "on")
    turns = numpy_helper.from_array(np.array(2, np.int64), "turns")
    then = helper.make_graph([helper.make_node("Neg", ["x"], ["t"])], "t", [], [_io("t", 2)])
    other = helper.make_graph([helper.make_node("Abs", ["x"], ["e"])], "e", [], [_io("e", 2)])
    i = helper.make_tensor_value_info("i", TensorProto.INT64, [])
    go = helper.make_tensor_value_info("go", TensorProto.BOOL, [])
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["go_on"]),
            helper.make_node("Add", ["s", "s"], ["s_next"]),
        ],
        "body",
        [i, go, _io("s", 2)],
        [helper.make_tensor_value_info("go_on", TensorProto.BOOL, []), _io("s_next", 2)],
    )
    nodes = [
        helper.make_node("If", ["on"], ["h"], then_branch=then, else_branch=other),
        helper.make_node("Loop", ["turns", "on", "h"], ["y"], body=body),
    ]
    return _model(helper.make_graph(nodes, "g", [_io("x", 2)], [_io("y", 2)], [on, turns]))


def _function() -> onnx.ModelProto:
    imports = [helper.make_opsetid("", 18)]
    twice = helper.make_function(
        "local", "twice", ["a"], ["b"], [helper.make_node("Add", ["a", "a"], ["b"])], imports
    )
    nodes = [
        helper.make_node("twice", ["x"], ["h"], domain="local"),
        helper.make_node("twice", ["h"], ["y"], domain="local"),
    ]
    graph = helper.make_graph(nodes, "g", [_io("x", 2)], [_io("y", 2)])
    return _model(graph, functions=[twice])


def _sparse() -> onnx.ModelProto:
    values = helper.make_tensor("w", _F, [2], [1.0, 2.0])
    places = helper.make_tensor("places", TensorProto.INT64, [2], [0, 3])
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "g",
        [_io("x", 1, 2)],
        [_io("y", 1, 2)],
        sparse_initializer=[helper.make_sparse_tensor(values, places, [2, 2])],
    )
    return _model(graph)


def _typed() -> onnx.ModelProto:
    tensors = [
        helper.make_tensor("w", _F, [2], [1.0, 2.0]),
        helper.make_tensor("i", TensorProto.INT64, [1], [3]),
        helper.make_tensor("half", TensorProto.FLOAT16, [2], [1.0, 2.0]),
        helper.make_tensor("text", TensorProto.STRING, [1], [b"a"]),
        helper.make_tensor("small", TensorProto.INT4, [3], [1, 2, 3]),
    ]
    c = helper.make_tensor("c", _F, [2], np.ones(2, np.float32).tobytes(), raw=True)
    nodes = [
        helper.make_node("Constant", [], ["c"], value=c),
        helper.make_node("Add", ["x", "c"], ["h"]),
        helper.make_node("Mul", ["h", "w"], ["y"]),
    ]
    return _model(helper.make_graph(nodes, "g", [_io("x", 2)], [_io("y", 2)], tensors))
