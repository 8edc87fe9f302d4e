"""Every expectation is multiplied out by hand from the formula in macs.py."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from worker.engine.graph.macs import macs

Dims = list[int | str]


def _model(
    node: onnx.NodeProto, x: Dims, y: Dims, *weights: tuple[str, tuple[int, ...]]
) -> onnx.ModelProto:
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, x)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, y)],
        [numpy_helper.from_array(np.ones(s, np.float32), n) for n, s in weights],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def test_a_grouped_strided_convolution() -> None:
    # 9x7 input, 3x2 kernel, stride 2: 4 x 3 positions; 8 outputs of 6/2 inputs each
    node = helper.make_node("Conv", ["x", "w"], ["y"], group=2, strides=[2, 2])
    model = _model(node, ["n", 6, 9, 7], ["n", 8, 4, 3], ("w", (8, 3, 3, 2)))
    assert macs(model) == 4 * 3 * 8 * 3 * 3 * 2


def test_a_transposed_convolution_counts_its_input_positions() -> None:
    node = helper.make_node("ConvTranspose", ["x", "w"], ["y"], strides=[2, 2])
    model = _model(node, ["n", 4, 5, 3], ["n", 6, 10, 6], ("w", (4, 6, 2, 2)))
    assert macs(model) == 5 * 3 * 4 * 6 * 2 * 2


@pytest.mark.parametrize(("flag", "shape"), [(0, (7, 5)), (1, (5, 7))])
def test_a_gemm_either_way_up(flag: int, shape: tuple[int, int]) -> None:
    node = helper.make_node("Gemm", ["x", "w"], ["y"], transB=flag)
    assert macs(_model(node, ["n", 7], ["n", 5], ("w", shape))) == 7 * 5


def test_a_matmul_over_tokens() -> None:
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    assert macs(_model(node, ["n", 11, 7], ["n", 11, 5], ("w", (7, 5)))) == 11 * 7 * 5


def test_an_einsum_of_one_factor_is_not_counted() -> None:
    node = helper.make_node("Einsum", ["x"], ["y"], equation="ij->ji")
    assert macs(_model(node, [3, 7], [7, 3])) is None


@pytest.mark.parametrize(("operator", "gates"), [("LSTM", 4), ("GRU", 3), ("RNN", 1)])
def test_recurrent_layers_in_both_directions(operator: str, gates: int) -> None:
    node = helper.make_node(
        operator, ["x", "w", "r"], ["y"], hidden_size=5, direction="bidirectional"
    )
    model = _model(
        node,
        [13, 1, 7],
        [13, 2, 1, 5],
        ("w", (2, gates * 5, 7)),
        ("r", (2, gates * 5, 5)),
    )
    assert macs(model) == 13 * 2 * gates * 5 * (7 + 5)


def test_an_einsum_multiplies_all_its_indices() -> None:
    node = helper.make_node("Einsum", ["x", "w"], ["y"], equation="bik, kj -> bij")
    assert macs(_model(node, ["n", 11, 7], ["n", 11, 5], ("w", (7, 5)))) == 11 * 7 * 5


def test_elementwise_operators_count_nothing() -> None:
    assert macs(_model(helper.make_node("Relu", ["x"], ["y"]), ["n", 7], ["n", 7])) == 0


def test_a_fixed_leading_axis_counts_as_one_run() -> None:
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    assert macs(_model(node, [6, 7], [6, 5], ("w", (7, 5)))) == 6 * 7 * 5


def test_an_unknown_length_makes_the_count_unknown() -> None:
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    assert macs(_model(node, ["n", "t", 7], ["n", "t", 5], ("w", (7, 5)))) is None


def test_products_inside_a_branch_make_the_count_unknown() -> None:
    branch = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["b"])],
        "branch",
        [],
        [helper.make_tensor_value_info("b", TensorProto.FLOAT, None)],
    )
    node = helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch)
    model = _model(node, ["n", 7], ["n", 5], ("w", (7, 5)))
    model.graph.initializer.append(numpy_helper.from_array(np.array(True), "c"))
    assert macs(model) is None


def test_attention_multiplies_every_query_with_every_key_and_every_weight_with_its_value() -> (
    None
):
    # 5 queries of 8 numbers, answers of 9; 7 keys and 2 of earlier calls
    node = helper.make_node(
        "Attention", ["x", "k", "v", "", "pk", "pv"], ["y"], q_num_heads=1, kv_num_heads=1
    )
    earlier = ("pk", (1, 1, 2, 8)), ("pv", (1, 1, 2, 9))
    model = _model(node, ["n", 5, 8], ["n", 5, 9], ("k", (1, 7, 8)), ("v", (1, 7, 9)), *earlier)
    assert macs(model) == (7 + 2) * (5 * 8 + 5 * 9)
