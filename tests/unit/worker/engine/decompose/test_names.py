"""Names of factors, there and back."""

import numpy as np
from onnx import TensorProto, helper

from tests.unit.worker.engine.layerwise.graphs import made
from worker.engine.decompose.names import factor_name, layer_of


def test_a_name_that_is_taken_gets_a_number() -> None:
    kind = (TensorProto.FLOAT, [1, 1])
    nodes = [helper.make_node("MatMul", ["x", "w.factor1"], ["y"])]
    model = made(nodes, {"w.factor1": np.ones((1, 1), np.float32)}, {"x": kind}, {"y": kind})
    assert factor_name(model.graph, "w", 1) == "w.factor1_1"
    assert factor_name(model.graph, "w", 2) == "w.factor2"


def test_a_factor_belongs_to_the_nearest_layer_that_there_was() -> None:
    assert layer_of("w.factor1", ["w", "v"]) == "w"
    assert layer_of("w.factor2_1", ["w"]) == "w"
    assert layer_of("w.factor1.factor12", ["w"]) == "w"
    assert layer_of("w.factor1.factor2", ["w", "w.factor1"]) == "w.factor1"
    for other in ("v.factor1", "w.factor", "w.factor1_scale", "w.factory1", "factor1"):
        assert layer_of(other, ["w"]) is None
