"""Half precision of tiny networks."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from lathe.errors import StepImpossible
from lathe.techniques.quantize import QuantizeFloat
from worker.engine.checkpoint import Checkpoint, load, save
from worker.engine.context import Context
from worker.engine.graph.initializers import initializers
from worker.engine.graph.io_spec import io_spec
from worker.engine.onnx_file.array import array
from worker.engine.onnx_file.place import is_mapped
from worker.engine.quantize.float16 import quantize_float
from worker.engine.session import open_session, run

Build = Callable[..., Checkpoint]
Contexts = Callable[..., Context]


def test_weights_halve_and_doors_stay(
    convnet: Checkpoint,
    context: Contexts,
    images: NDArray[np.float32],
    sqnr: Callable[..., float],
) -> None:
    outcome = quantize_float(convnet, QuantizeFloat(), context(convnet))
    model = outcome.checkpoint.model
    onnx.checker.check_model(model, full_check=True)
    assert io_spec(model) == io_spec(convnet.model)
    assert {t.data_type for t in model.graph.initializer} == {TensorProto.FLOAT16}
    assert sqnr(convnet, outcome.checkpoint, {"x": images}) > 50
    assert outcome.facts["layers_quantized"] == 3
    assert outcome.checkpoint.lowered


def test_an_excluded_layer_keeps_its_weights_between_casts(
    convnet: Checkpoint, context: Contexts
) -> None:
    outcome = quantize_float(convnet, QuantizeFloat(exclude=("b",)), context(convnet))
    model = outcome.checkpoint.model
    onnx.checker.check_model(model, full_check=True)
    assert initializers(model)["b"] == initializers(convnet.model)["b"]
    assert outcome.facts["float_layers"] == "b"
    casts = [node.output[0] for node in model.graph.node if node.op_type == "Cast"]
    assert casts == ["x_half", "r_full", "d_half", "y"]


def test_weights_beyond_65504_stay_float_and_are_named(build: Build, context: Contexts) -> None:
    nodes = [
        helper.make_node("MatMul", ["x", "huge"], ["h"]),
        helper.make_node("MatMul", ["h", "w"], ["y"]),
    ]
    weights = {
        "huge": np.array([[70000, 0], [0, 1]], np.float32),
        "w": np.array([[1e-5, 0], [0, 3]], np.float32),
    }
    net = build(nodes, weights, {"x": ["n", 2]}, {"y": ["n", 2]})
    outcome = quantize_float(net, QuantizeFloat(), context(net))
    assert outcome.facts["overflowing_layers"] == "huge"
    assert outcome.facts["float_layers"] == "huge"
    inputs = {"x": np.array([[0.5, 2.0]], np.float32)}
    (y,) = run(open_session(outcome.checkpoint.model), inputs).values()
    assert y[0].tolist() == pytest.approx([0.35, 6.0], rel=2e-3)


def test_constants_are_clamped_and_an_epsilon_does_not_vanish(
    build: Build, context: Contexts
) -> None:
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["h"]),
        helper.make_node("Max", ["h", "lowest"], ["m"]),
        helper.make_node("Add", ["m", "epsilon"], ["y"]),
    ]
    weights = {
        "w": np.eye(2, dtype=np.float32),
        "lowest": np.float32(-3e38),
        "epsilon": np.float32(1e-12),
    }
    net = build(nodes, weights, {"x": ["n", 2]}, {"y": ["n", 2]})
    outcome = quantize_float(net, QuantizeFloat(), context(net))
    stored = initializers(outcome.checkpoint.model)
    assert numpy_helper.to_array(stored["lowest"]) == -65504
    assert numpy_helper.to_array(stored["epsilon"]) == 2.0**-24
    assert outcome.facts["clamped_constants"] == 1


def test_powers_stay_float_and_a_shared_constant_has_both_versions(
    build: Build, context: Contexts
) -> None:
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["h"]),
        helper.make_node("Pow", ["h", "two"], ["p"]),
        helper.make_node("Mul", ["p", "two"], ["q"]),
        helper.make_node("Add", ["q", "h"], ["y"]),
    ]
    weights = {"w": np.eye(2, dtype=np.float32), "two": np.float32(2)}
    net = build(nodes, weights, {"x": ["n", 2]}, {"y": ["n", 2]})
    outcome = quantize_float(net, QuantizeFloat(), context(net))
    stored = initializers(outcome.checkpoint.model)
    assert stored["two"].data_type == TensorProto.FLOAT
    assert stored["two_half"].data_type == TensorProto.FLOAT16
    onnx.checker.check_model(outcome.checkpoint.model, full_check=True)
    (y,) = run(
        open_session(outcome.checkpoint.model), {"x": np.array([[3, -1]], np.float32)}
    ).values()
    assert y.tolist() == [[2 * 9 + 3, 2 * 1 - 1]]


def test_what_a_sub_graph_captures_keeps_its_name_and_type(
    build: Build, context: Contexts
) -> None:
    branch = helper.make_graph(
        [helper.make_node("Neg", ["h"], ["then"])],
        "b",
        [],
        [helper.make_tensor_value_info("then", TensorProto.FLOAT, ["n", 2])],
    )
    other = helper.make_graph(
        [helper.make_node("Identity", ["h"], ["otherwise"])],
        "c",
        [],
        [helper.make_tensor_value_info("otherwise", TensorProto.FLOAT, ["n", 2])],
    )
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["h"]),
        helper.make_node("If", ["yes"], ["i"], then_branch=branch, else_branch=other),
        helper.make_node("MatMul", ["i", "w"], ["y"]),
    ]
    weights = {"w": np.array([[0, 1], [2, 0]], np.float32), "yes": np.bool_(True)}
    net = build(nodes, weights, {"x": ["n", 2]}, {"y": ["n", 2]})
    outcome = quantize_float(net, QuantizeFloat(), context(net))
    (y,) = run(
        open_session(outcome.checkpoint.model), {"x": np.array([[3, 5]], np.float32)}
    ).values()
    assert y.tolist() == [[-6, -10]]


def test_nothing_to_halve_is_refused(build: Build, context: Contexts) -> None:
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
    net = build(nodes, {"w": np.eye(2, dtype=np.float32)}, {"x": ["n", 2]}, {"y": ["n", 2]})
    with pytest.raises(StepImpossible, match="no layer"):
        quantize_float(net, QuantizeFloat(exclude=("w",)), context(net))


def test_large_weights_are_halved_in_files(
    build: Build, context: Contexts, tmp_path: Path
) -> None:
    weight = np.random.default_rng(2).standard_normal((150, 200)).astype(np.float32)
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["h"]),
        helper.make_node("MatMul", ["h", "huge"], ["y"]),
    ]
    huge = np.ones((200, 160), np.float32)
    huge[199, 159] = -70000
    net = build(nodes, {"w": weight, "huge": huge}, {"x": ["n", 150]}, {"y": ["n", 160]})
    save(net, tmp_path / "net")
    large = load(tmp_path / "net")
    outcome = quantize_float(large, QuantizeFloat(), context(large))
    stored = initializers(outcome.checkpoint.model)
    assert is_mapped(stored["w"])
    assert (array(stored["w"]) == weight.astype(np.float16)).all()
    assert outcome.facts["overflowing_layers"] == "huge"
    assert outcome.facts["bytes_after"] == pytest.approx(
        2 * weight.size + huge.nbytes, rel=0.01
    )
