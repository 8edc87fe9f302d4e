"""Small clean-ups, one graph each."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from worker.engine.onnx_file.spill import Spill
from worker.engine.optimize.constants import fold_constants
from worker.engine.optimize.dead import drop_dead
from worker.engine.optimize.duplicates import drop_duplicates
from worker.engine.optimize.passthrough import drop_passthrough


def model(
    nodes: list[onnx.NodeProto], outputs: list[str], **arrays: np.ndarray
) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3])],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, None])
            for name in outputs
        ],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def wired(net: onnx.ModelProto) -> list[tuple[str, list[str], list[str]]]:
    return [(n.op_type, list(n.input), list(n.output)) for n in net.graph.node]


def test_a_constant_expression_becomes_the_number_it_is(spill: Spill) -> None:
    nodes = [
        helper.make_node("Constant", [], ["two"], value_float=2.0),
        helper.make_node("Mul", ["three", "two"], ["six"]),
        helper.make_node("Add", ["x", "six"], ["y"]),
    ]
    net = model(nodes, ["y"], three=np.array([3, 5, 7], np.float32))
    assert fold_constants(net, spill) == 2
    assert wired(net) == [("Add", ["x", "six"], ["y"])]
    folded = {t.name: numpy_helper.to_array(t) for t in net.graph.initializer}
    assert folded["six"].tolist() == [6, 10, 14]


def test_a_layers_weight_keeps_its_name_though_its_transpose_is_constant(spill: Spill) -> None:
    nodes = [
        helper.make_node("Transpose", ["w"], ["w_t"]),
        helper.make_node("MatMul", ["x", "w_t"], ["y"]),
    ]
    net = model(nodes, ["y"], w=np.ones((2, 3), np.float32))
    assert fold_constants(net, spill) == 0


def test_a_large_result_and_a_random_one_are_not_stored(spill: Spill) -> None:
    nodes = [
        helper.make_node("ConstantOfShape", ["many"], ["zeros"]),
        helper.make_node("RandomNormal", [], ["noise"], shape=[3]),
        helper.make_node("Add", ["x", "noise"], ["y"]),
    ]
    net = model(nodes, ["y", "zeros"], many=np.array([1 << 20, 1 << 20], np.int64))
    assert fold_constants(net, spill) == 0


def test_identity_and_dropout_vanish_and_their_readers_read_what_they_read() -> None:
    nodes = [
        helper.make_node("Identity", ["x"], ["a"]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Dropout", ["b"], ["c", "mask"]),
        helper.make_node("Sigmoid", ["c"], ["y"]),
    ]
    net = model(nodes, ["y"])
    assert drop_passthrough(net) == 2
    assert wired(net) == [("Relu", ["x"], ["b"]), ("Sigmoid", ["b"], ["y"])]


def test_an_output_keeps_its_name_when_the_identity_before_it_goes() -> None:
    nodes = [
        helper.make_node("Relu", ["x"], ["h"]),
        helper.make_node("Sigmoid", ["h"], ["z"]),
        helper.make_node("Identity", ["h"], ["y"]),
    ]
    net = model(nodes, ["y", "z"])
    assert drop_passthrough(net) == 1
    assert wired(net) == [("Relu", ["x"], ["y"]), ("Sigmoid", ["y"], ["z"])]


def test_an_identity_from_an_input_or_between_two_outputs_stays() -> None:
    nodes = [
        helper.make_node("Identity", ["x"], ["y"]),
        helper.make_node("Relu", ["x"], ["z"]),
        helper.make_node("Identity", ["z"], ["again"]),
    ]
    net = model(nodes, ["y", "z", "again"])
    assert drop_passthrough(net) == 0


def test_a_dropout_that_trains_stays() -> None:
    nodes = [
        helper.make_node("Dropout", ["x", "", "on"], ["h"]),
        helper.make_node("Relu", ["h"], ["y"]),
    ]
    assert drop_passthrough(model(nodes, ["y"], on=np.array(True))) == 0
    assert drop_passthrough(model(nodes, ["y"], on=np.array(False))) == 1


def test_a_repeated_node_is_computed_once_but_not_one_with_another_attribute() -> None:
    nodes = [
        helper.make_node("LeakyRelu", ["x"], ["a"], alpha=0.5),
        helper.make_node("LeakyRelu", ["x"], ["b"], alpha=0.5),
        helper.make_node("LeakyRelu", ["x"], ["c"], alpha=0.25),
        helper.make_node("Sum", ["a", "b", "c"], ["y"]),
    ]
    net = model(nodes, ["y"])
    assert drop_duplicates(net) == 1
    assert wired(net)[-1] == ("Sum", ["a", "a", "c"], ["y"])


def test_two_outputs_of_the_same_value_both_stay() -> None:
    nodes = [helper.make_node("Relu", ["x"], ["y"]), helper.make_node("Relu", ["x"], ["z"])]
    assert drop_duplicates(model(nodes, ["y", "z"])) == 0


def test_what_no_output_needs_goes_with_its_constants() -> None:
    nodes = [
        helper.make_node("Add", ["x", "lost"], ["dead"]),
        helper.make_node("Relu", ["dead"], ["deader"]),
        helper.make_node("Add", ["x", "used"], ["y"]),
    ]
    one = np.ones(1, np.float32)
    net = model(nodes, ["y"], lost=one, used=one)
    assert drop_dead(net) == 2
    assert [t.name for t in net.graph.initializer] == ["used"]
