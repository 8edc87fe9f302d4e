"""Which nodes join the integers, on graphs of names alone."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from worker.engine.quantize.static.region import outside


def chain(*nodes: onnx.NodeProto) -> onnx.ModelProto:
    weight = numpy_helper.from_array(np.ones(1, np.float32), "w")
    door = helper.make_tensor_value_info("x", TensorProto.FLOAT, None)
    return helper.make_model(helper.make_graph(list(nodes), "g", [door], [], [weight]))


def node(kind: str, name: str, *reads: str) -> onnx.NodeProto:
    return helper.make_node(kind, list(reads), [name], name=name)


def stays(*nodes: onnx.NodeProto, excluded: tuple[str, ...] = ()) -> list[str]:
    return outside(chain(*nodes), ("Conv", "MatMul"), ("Add", "Relu"), excluded)


def test_what_follows_a_layer_joins() -> None:
    assert (
        stays(node("Conv", "c", "x", "w"), node("Relu", "r", "c"), node("Add", "a", "r", "c"))
        == []
    )


def test_what_comes_before_any_layer_or_from_elsewhere_does_not() -> None:
    found = stays(
        node("Relu", "early", "x"),
        node("Conv", "c", "early", "w"),
        node("Exp", "e", "c"),
        node("Add", "sum", "c", "e"),
        node("Relu", "late", "sum"),
    )
    assert found == ["early", "sum", "late"]


def test_values_that_are_only_moved_are_the_same_values() -> None:
    assert (
        stays(node("Conv", "c", "x", "w"), node("Slice", "s", "c"), node("Add", "a", "s", "c"))
        == []
    )
    assert stays(node("Slice", "s", "x"), node("Relu", "r", "s")) == ["r"]


def test_an_excluded_layer_starts_nothing() -> None:
    found = stays(node("Conv", "c", "x", "w"), node("Relu", "r", "c"), excluded=("c",))
    assert found == ["c", "r"]


def test_a_product_of_two_activations_joins_only_where_both_are_integers() -> None:
    found = stays(
        node("Conv", "c", "x", "w"),
        node("MatMul", "inside", "c", "c"),
        node("MatMul", "outside", "c", "x"),
        node("MatMul", "layer", "x", "w"),
    )
    assert found == ["outside"]
