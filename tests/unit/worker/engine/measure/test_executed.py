"""What the runtime makes of float and integer graphs."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from worker.engine.measure.executed import executed


def model(
    nodes: list[onnx.NodeProto], weights: dict[str, object], output: list[object]
) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 2, 4, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, output)],
        [numpy_helper.from_array(np.asarray(a), n) for n, a in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


def test_a_float_layer_runs_as_the_kernel_it_was_fused_into() -> None:
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], name="conv"),
        helper.make_node("Relu", ["c"], ["y"]),
    ]
    made = model(nodes, {"w": np.ones((3, 2, 1, 1), np.float32)}, ["n", 3, 4, 4])
    found = executed(made)
    assert found.layers == {"w": "FusedConv float32"}
    assert found.float_operators == {"FusedConv": 1}


def test_integers_that_are_fused_and_integers_that_are_not_are_told_apart() -> None:
    scale, zero = np.float32(0.1), np.uint8(0)
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["d"]),
        helper.make_node("DequantizeLinear", ["a_quantized", "s", "i"], ["a_float"]),
        helper.make_node("Conv", ["d", "a_float"], ["c"], name="inside"),
        helper.make_node("QuantizeLinear", ["c", "s", "z"], ["cq"]),
        helper.make_node("DequantizeLinear", ["cq", "s", "z"], ["cd"]),
        helper.make_node("DequantizeLinear", ["b_quantized", "s", "i"], ["b_float"]),
        helper.make_node("Conv", ["cd", "b_float"], ["y"], name="last"),
    ]
    weights = {
        "s": scale,
        "z": zero,
        "i": np.int8(0),
        "a_quantized": np.ones((3, 2, 1, 1), np.int8),
        "b_quantized": np.ones((4, 3, 1, 1), np.int8),
    }
    found = executed(model(nodes, weights, ["n", 4, 4, 4]))
    # nothing quantizes the last output, so there is no integer kernel for the last layer
    assert found.layers == {"a": "QLinearConv int8", "b": "Conv float32"}
    assert found.float_operators == {"Conv": 1}


def test_a_weight_that_optimisation_renames_is_found_by_what_it_makes() -> None:
    nodes = [
        helper.make_node("Flatten", ["x"], ["f"]),
        helper.make_node("Transpose", ["w"], ["t"], perm=[1, 0]),
        helper.make_node("MatMul", ["f", "t"], ["y"]),
    ]
    made = model(nodes, {"w": np.ones((5, 32), np.float32)}, ["n", 5])
    assert executed(made).layers == {"w": "MatMul float32"}
