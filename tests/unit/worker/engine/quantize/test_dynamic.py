"""Dynamic int8 of tiny networks of the kinds it treats differently."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from lathe.errors import StepImpossible, UnknownLayer
from lathe.techniques.quantize import PerTensor, QuantizeDynamic, WeightGrid
from worker.engine.checkpoint import Checkpoint, QuantizedWeights, load, save
from worker.engine.context import Context
from worker.engine.graph.initializers import initializers
from worker.engine.graph.io_spec import io_spec
from worker.engine.onnx_file.place import is_mapped
from worker.engine.quantize.dynamic import quantize_dynamic

Build = Callable[..., Checkpoint]
Contexts = Callable[..., Context]


def random(*shape: int) -> NDArray[np.float32]:
    return np.random.default_rng(len(shape)).standard_normal(shape).astype(np.float32)


@pytest.fixture
def reader(build: Build) -> Checkpoint:
    """Tokens -> table -> two linear layers, one of them a Gemm-like MatMul + Add."""
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["e"]),
        helper.make_node("MatMul", ["e", "u"], ["h"]),
        helper.make_node("Add", ["h", "u.bias"], ["s"]),
        helper.make_node("Tanh", ["s"], ["t"]),
        helper.make_node("MatMul", ["t", "v"], ["y"]),
    ]
    weights = {
        "table": random(64, 32),
        "u": random(32, 48),
        "u.bias": random(48),
        "v": random(48, 8),
    }
    return build(nodes, weights, {"ids": ["n", 5]}, {"y": ["n", 5, 8]}, integers=("ids",))


def test_linear_layers_and_tables_become_integers(
    reader: Checkpoint, context: Contexts, sqnr: Callable[..., float]
) -> None:
    outcome = quantize_dynamic(reader, QuantizeDynamic(), context(reader))
    operators = Counter(node.op_type for node in outcome.checkpoint.model.graph.node)
    assert operators["MatMulInteger"] == 2
    assert outcome.facts["layers_quantized"] == 3
    assert outcome.facts["layers_float"] == 0
    assert outcome.facts["bytes_after"] < 0.45 * outcome.facts["bytes_before"]  # type: ignore[operator]
    assert io_spec(outcome.checkpoint.model) == io_spec(reader.model)
    ids = np.random.default_rng(1).integers(0, 64, (6, 5))
    assert sqnr(reader, outcome.checkpoint, {"ids": ids}) > 25


def test_each_output_column_has_its_scale(reader: Checkpoint, context: Contexts) -> None:
    outcome = quantize_dynamic(reader, QuantizeDynamic(), context(reader))
    assert outcome.checkpoint.traits["u"].grid == QuantizedWeights(8, symmetric=True, axis=1)
    scales = numpy_helper.to_array(initializers(outcome.checkpoint.model)["v_scale"])
    assert scales == pytest.approx(np.abs(random(48, 8)).max(axis=0) / 127, rel=1e-6)


def test_one_scale_a_tensor_and_unsigned_weights_can_be_asked_for(
    reader: Checkpoint, context: Contexts
) -> None:
    grid = WeightGrid(symmetric=False, granularity=PerTensor())
    outcome = quantize_dynamic(reader, QuantizeDynamic(weights=grid), context(reader))
    assert outcome.checkpoint.traits["u"].grid == QuantizedWeights(
        8, symmetric=False, axis=None
    )
    assert outcome.facts["weight_type"] == "uint8"


def test_an_excluded_layer_stays_float(reader: Checkpoint, context: Contexts) -> None:
    outcome = quantize_dynamic(reader, QuantizeDynamic(exclude=("v",)), context(reader))
    assert outcome.facts["float_layers"] == "v"
    stored = initializers(outcome.checkpoint.model)
    assert stored["v"] == initializers(reader.model)["v"]
    with pytest.raises(UnknownLayer, match="nowhere"):
        quantize_dynamic(reader, QuantizeDynamic(exclude=("nowhere",)), context(reader))


def test_a_transposed_gemm_is_lowered_under_its_name(build: Build, context: Contexts) -> None:
    nodes = [helper.make_node("Gemm", ["x", "w", "b"], ["y"], transB=1)]
    net = build(nodes, {"w": random(6, 40), "b": random(6)}, {"x": ["n", 40]}, {"y": ["n", 6]})
    outcome = quantize_dynamic(net, QuantizeDynamic(), context(net))
    assert outcome.checkpoint.traits["w"].grid == QuantizedWeights(8, symmetric=True, axis=1)


def test_an_lstm_is_lowered_whole(
    build: Build, context: Contexts, sqnr: Callable[..., float]
) -> None:
    nodes = [helper.make_node("LSTM", ["x", "W", "R", "B"], ["", "y"], hidden_size=8)]
    weights = {"W": random(1, 32, 6), "R": random(1, 32, 8) / 3, "B": random(1, 64)}
    net = build(nodes, weights, {"x": [7, "n", 6]}, {"y": [1, "n", 8]})
    outcome = quantize_dynamic(net, QuantizeDynamic(), context(net))
    (node,) = outcome.checkpoint.model.graph.node
    assert node.op_type == "DynamicQuantizeLSTM"
    assert outcome.facts["layers_quantized"] == 1
    assert sqnr(net, outcome.checkpoint, {"x": random(7, 4, 6)}) > 25


def test_a_gru_has_no_kernel(build: Build, context: Contexts) -> None:
    nodes = [helper.make_node("GRU", ["x", "W", "R"], ["", "y"], hidden_size=8)]
    weights = {"W": random(1, 24, 6), "R": random(1, 24, 8)}
    net = build(nodes, weights, {"x": [7, "n", 6]}, {"y": [1, "n", 8]})
    with pytest.raises(StepImpossible, match="no layer"):
        quantize_dynamic(net, QuantizeDynamic(), context(net))


def test_convolutions_are_lowered_only_where_nothing_else_is(
    convnet: Checkpoint, context: Contexts
) -> None:
    outcome = quantize_dynamic(convnet, QuantizeDynamic(), context(convnet))
    assert outcome.facts["float_layers"] == "a, b"
    assert outcome.facts["convolutions"] is False
    outcome = quantize_dynamic(convnet, QuantizeDynamic(exclude=("w",)), context(convnet))
    assert outcome.facts["float_layers"] == "w"
    assert outcome.facts["convolutions"] is True


def test_a_small_constant_is_no_table(build: Build, context: Contexts) -> None:
    nodes = [
        helper.make_node("Gather", ["few", "ids"], ["e"]),
        helper.make_node("MatMul", ["e", "w"], ["y"]),
    ]
    weights = {"few": random(3, 16), "w": random(16, 64)}
    net = build(nodes, weights, {"ids": ["n"]}, {"y": ["n", 64]}, integers=("ids",))
    outcome = quantize_dynamic(net, QuantizeDynamic(), context(net))
    assert outcome.facts["float_layers"] == "few"


def test_an_excluded_gemm_stays_float_beside_another(build: Build, context: Contexts) -> None:
    nodes = [
        helper.make_node("Gemm", ["x", "u", "b"], ["h"], name="one", transB=1),
        helper.make_node("Gemm", ["h", "v"], ["y"], name="two"),
    ]
    weights = {"u": random(12, 40), "b": random(12), "v": random(12, 6)}
    net = build(nodes, weights, {"x": ["n", 40]}, {"y": ["n", 6]})
    outcome = quantize_dynamic(net, QuantizeDynamic(exclude=("u",)), context(net))
    assert outcome.facts["float_layers"] == "u"
    stored = initializers(outcome.checkpoint.model)
    assert (numpy_helper.to_array(stored["u"]) == weights["u"].T).all()


def test_a_gemm_used_twice_answers_as_before(
    build: Build, context: Contexts, sqnr: Callable[..., float]
) -> None:
    nodes = [
        helper.make_node("Gemm", ["x", "w"], ["h"], transB=1),
        helper.make_node("Gemm", ["h", "w"], ["y"], transB=1),
    ]
    net = build(nodes, {"w": random(24, 24)}, {"x": ["n", 24]}, {"y": ["n", 24]})
    outcome = quantize_dynamic(net, QuantizeDynamic(), context(net))
    assert sqnr(net, outcome.checkpoint, {"x": random(5, 24)}) > 25


def test_large_weights_stay_in_files_and_the_facts_count_them(
    build: Build, context: Contexts, sqnr: Callable[..., float], tmp_path: Path
) -> None:
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
    net = build(nodes, {"w": random(150, 200)}, {"x": ["n", 150]}, {"y": ["n", 200]})
    save(net, tmp_path / "net")
    large = load(tmp_path / "net")
    outcome = quantize_dynamic(large, QuantizeDynamic(), context(large))
    after = outcome.facts["bytes_after"]
    assert outcome.facts["bytes_before"] == pytest.approx(4 * 150 * 200, rel=0.01)
    assert after == pytest.approx(150 * 200 + 5 * 200, rel=0.03)
    assert is_mapped(initializers(outcome.checkpoint.model)["w_quantized"])
    save(outcome.checkpoint, tmp_path / "lowered")
    assert (tmp_path / "lowered").stat().st_size == pytest.approx(after, rel=0.01)
    assert sqnr(net, load(tmp_path / "lowered"), {"x": random(6, 150)}) > 30
