"""Integers stay integers where values only move, worked by hand on one row."""

from collections import Counter

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from worker.engine.checkpoint import Checkpoint
from worker.engine.quantize.static.movers import keep_integers
from worker.engine.session import open_session, run

SCALE, ZERO = 0.5, 100  # of the value that moves
COARSE, COARSE_ZERO = 4.0, 10  # the grid on which the detour would round it a second time


def constant(name: str, value: object, dtype: type[np.generic]) -> onnx.TensorProto:
    return numpy_helper.from_array(np.asarray(value, dtype), name)


def shortcut(filler: float = 0.0, *, read_twice: bool = False) -> onnx.ModelProto:
    """x (1, 4) uint8 on a fine grid; its last two values, two pads, then x' + b on a grid."""
    nodes = [
        helper.make_node("DequantizeLinear", ["x", "s", "z"], ["f"]),
        helper.make_node("Slice", ["f", "from", "to", "axis"], ["part"]),
        helper.make_node("Pad", ["part", "pads", "filler"], ["wide"]),
        helper.make_node("QuantizeLinear", ["wide", "s2", "z2"], ["q"]),
        helper.make_node(
            "QLinearAdd",
            ["q", "s2", "z2", "b", "s", "z", "s", "z"],
            ["y"],
            domain="com.microsoft",
        ),
    ]
    outputs = [helper.make_tensor_value_info("y", TensorProto.UINT8, [1, 4])]
    if read_twice:
        outputs.append(helper.make_tensor_value_info("wide", TensorProto.FLOAT, [1, 4]))
    graph = helper.make_graph(
        nodes,
        "shortcut",
        [helper.make_tensor_value_info("x", TensorProto.UINT8, [1, 4])],
        outputs,
        [
            constant("s", SCALE, np.float32),
            constant("z", ZERO, np.uint8),
            constant("s2", COARSE, np.float32),
            constant("z2", COARSE_ZERO, np.uint8),
            constant("b", [[101, 102, 103, 104]], np.uint8),
            constant("from", [2], np.int64),
            constant("to", [4], np.int64),
            constant("axis", [1], np.int64),
            constant("pads", [0, 1, 0, 1], np.int64),
            constant("filler", filler, np.float32),
        ],
    )
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10)


def answer(model: onnx.ModelProto) -> list[int]:
    x = np.array([[7, 9, 103, 96]], np.uint8)
    return [int(value) for value in run(open_session(model), {"x": x})["y"][0]]


def test_the_detour_goes_and_with_it_the_second_rounding() -> None:
    # x[2:] is 1.5 and -2; padded 0 1.5 -2 0; plus b = 0.5 1 1.5 2: 0.5 2.5 -0.5 2
    model = shortcut()
    assert answer(model) == [101, 102, 103, 104]  # the coarse grid took 1.5 and -2 for 0
    keep_integers(model)
    assert answer(model) == [101, 105, 99, 104]
    assert Counter(node.op_type for node in model.graph.node) == {
        "Slice": 1,
        "Pad": 1,
        "QLinearAdd": 1,
    }
    assert "s2" not in {tensor.name for tensor in model.graph.initializer}


@pytest.mark.parametrize("model", [shortcut(filler=3.0), shortcut(read_twice=True)])
def test_a_pad_of_other_values_and_a_value_read_elsewhere_stay(model: onnx.ModelProto) -> None:
    before = model.SerializeToString(deterministic=True)
    keep_integers(model)
    nodes = Counter(node.op_type for node in model.graph.node)
    assert nodes["DequantizeLinear"] == nodes["QuantizeLinear"] == 1
    assert onnx.load_from_string(before).graph.node == model.graph.node


def test_a_checkpoint_of_the_result_is_a_valid_model() -> None:
    model = shortcut()
    keep_integers(model)
    onnx.checker.check_model(Checkpoint(model, lowered=True).private(), full_check=True)
