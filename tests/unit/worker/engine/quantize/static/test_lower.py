"""Static int8 of a tiny convolutional network."""

from collections import Counter
from collections.abc import Callable

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from lathe.errors import StepImpossible, UnknownLayer
from lathe.techniques.quantize import (
    Calibration,
    Entropy,
    MeanSquaredError,
    MinMax,
    Percentile,
    PerTensor,
    QuantizeStatic,
    WeightGrid,
)
from worker.engine.checkpoint import Checkpoint, Multiples, QuantizedWeights, Trait
from worker.engine.context import Context, Samples
from worker.engine.graph.initializers import initializers
from worker.engine.graph.io_spec import io_spec
from worker.engine.quantize.static.lower import quantize_static

Images = NDArray[np.float32]
Lower = Callable[[QuantizeStatic], Checkpoint]


@pytest.fixture
def calibrated(
    convnet: Checkpoint,
    images: Images,
    samples: Callable[[Images], Samples],
    context: Callable[..., Context],
) -> Context:
    return context(convnet, samples(images))


@pytest.mark.parametrize(
    "method", [MinMax(), Percentile(percentile=99.9), Entropy(), MeanSquaredError()]
)
@pytest.mark.parametrize("form", ["qoperator", "qdq"])
def test_the_answers_stay_close_and_the_doors_the_same(
    convnet: Checkpoint,
    calibrated: Context,
    images: Images,
    sqnr: Callable[..., float],
    method: Calibration,
    form: str,
) -> None:
    spec = QuantizeStatic.model_validate({"calibration": method.model_dump(), "format": form})
    outcome = quantize_static(convnet, spec, calibrated)
    assert io_spec(outcome.checkpoint.model) == io_spec(convnet.model)
    assert sqnr(convnet, outcome.checkpoint, {"x": images}) > 18
    assert outcome.checkpoint.lowered
    assert outcome.facts["layers_quantized"] == 3
    assert outcome.facts["layers_float"] == 0
    assert outcome.facts["calibration_samples"] == 24


def test_weights_are_signed_bytes_on_the_grid_that_the_trait_names(
    convnet: Checkpoint, calibrated: Context
) -> None:
    outcome = quantize_static(convnet, QuantizeStatic(), calibrated)
    stored = initializers(outcome.checkpoint.model)
    original = numpy_helper.to_array(initializers(convnet.model)["b"])
    integers = numpy_helper.to_array(stored["b_quantized"])
    scales = numpy_helper.to_array(stored["b_scale"])
    assert integers.dtype == np.int8
    largest = np.abs(original).reshape(3, -1).max(axis=1)
    assert scales == pytest.approx(largest / 127, rel=1e-6)
    restored = integers * scales[:, None, None, None]
    assert np.abs(restored - original).max() <= scales.max() / 2 * 1.001
    assert outcome.checkpoint.traits["b"].grid == QuantizedWeights(8, symmetric=True, axis=0)


def test_one_scale_a_tensor_is_one_scale(convnet: Checkpoint, calibrated: Context) -> None:
    spec = QuantizeStatic(weights=WeightGrid(granularity=PerTensor()))
    outcome = quantize_static(convnet, spec, calibrated)
    assert outcome.checkpoint.traits["a"].grid == QuantizedWeights(8, symmetric=True, axis=None)


def test_asymmetric_weights_move_their_zero_in_each_channel(
    convnet: Checkpoint, calibrated: Context
) -> None:
    spec = QuantizeStatic(weights=WeightGrid(symmetric=False))
    outcome = quantize_static(convnet, spec, calibrated)
    zero_points = numpy_helper.to_array(initializers(outcome.checkpoint.model)["b_zero_point"])
    assert len(np.unique(zero_points)) > 1
    assert outcome.checkpoint.traits["b"].grid == QuantizedWeights(8, symmetric=False, axis=0)


def test_the_qdq_format_moves_one_zero_a_tensor(
    convnet: Checkpoint, calibrated: Context
) -> None:
    grid = WeightGrid(symmetric=False, granularity=PerTensor())
    spec = QuantizeStatic(weights=grid, format="qdq")
    outcome = quantize_static(convnet, spec, calibrated)
    assert numpy_helper.to_array(initializers(outcome.checkpoint.model)["b_zero_point"]) != 0
    assert outcome.checkpoint.traits["b"].grid == QuantizedWeights(
        8, symmetric=False, axis=None
    )


@pytest.mark.parametrize(("form", "kind", "zero"), [("qoperator", "u", 128), ("qdq", "i", 0)])
def test_symmetric_activations_sit_around_the_middle(
    convnet: Checkpoint, calibrated: Context, form: str, kind: str, zero: int
) -> None:
    spec = QuantizeStatic.model_validate({"activations": {"symmetric": True}, "format": form})
    outcome = quantize_static(convnet, spec, calibrated)
    point = numpy_helper.to_array(initializers(outcome.checkpoint.model)["x_zero_point"])
    assert (point.dtype.kind, int(point)) == (kind, zero)


def test_an_excluded_layer_stays_float_and_is_named(
    convnet: Checkpoint, calibrated: Context
) -> None:
    outcome = quantize_static(convnet, QuantizeStatic(exclude=("b",)), calibrated)
    stored = initializers(outcome.checkpoint.model)
    assert stored["b"] == initializers(convnet.model)["b"]
    assert outcome.facts["float_layers"] == "b"
    assert outcome.facts["layers_quantized"] == 2
    operators = Counter(node.op_type for node in outcome.checkpoint.model.graph.node)
    assert (operators["Conv"], operators["QLinearConv"]) == (1, 1)


def test_a_pattern_excludes_every_layer_that_it_matches(
    build: Callable[..., Checkpoint],
    context: Callable[..., Context],
    samples: Callable[[Images], Samples],
    images: Images,
) -> None:
    weight = np.random.default_rng(2).standard_normal((2, 2, 1, 1)).astype(np.float32)
    names = ["block1.a", "block1.b", "block2.a"]
    values = ["x", "h1", "h2", "y"]
    nodes = [
        helper.make_node("Conv", [values[k], name], [values[k + 1]])
        for k, name in enumerate(names)
    ]
    doors: list[str | int] = ["n", 2, 8, 8]
    net = build(nodes, dict.fromkeys(names, weight), {"x": doors}, {"y": doors})
    calibrated = context(net, samples(images))
    outcome = quantize_static(net, QuantizeStatic(exclude=("block1.*",)), calibrated)
    assert outcome.facts["float_layers"] == "block1.a, block1.b"
    with pytest.raises(UnknownLayer, match="block3"):
        quantize_static(net, QuantizeStatic(exclude=("block3.*",)), calibrated)


def test_the_given_checkpoint_is_left_alone_and_its_traits_kept(
    convnet: Checkpoint, calibrated: Context
) -> None:
    pruned = Checkpoint(convnet.model, {"a": Trait(channels=4)})
    before = convnet.model.SerializeToString()
    outcome = quantize_static(pruned, QuantizeStatic(), calibrated)
    assert convnet.model.SerializeToString() == before
    assert outcome.checkpoint.traits["a"].channels == 4
    assert outcome.checkpoint.traits["a"].grid is not None
    assert list(calibrated.folder.iterdir()) == []


def test_a_fixed_batch_is_calibrated_at_its_size(
    convnet: Checkpoint,
    images: Images,
    samples: Callable[[Images], Samples],
    context: Callable[..., Context],
) -> None:
    fixed = Checkpoint(convnet.private())
    for value in (*fixed.model.graph.input, *fixed.model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = 5
    outcome = quantize_static(
        fixed, QuantizeStatic(calibration=Percentile()), context(fixed, samples(images))
    )
    assert io_spec(outcome.checkpoint.model) == io_spec(fixed.model)


def test_what_cannot_be_done_says_so(
    convnet: Checkpoint,
    calibrated: Context,
    images: Images,
    samples: Callable[[Images], Samples],
    context: Callable[..., Context],
    build: Callable[..., Checkpoint],
) -> None:
    with pytest.raises(UnknownLayer, match="nowhere"):
        quantize_static(convnet, QuantizeStatic(exclude=("nowhere",)), calibrated)
    with pytest.raises(StepImpossible, match="calibration data"):
        quantize_static(convnet, QuantizeStatic(), context(convnet))
    lowered = quantize_static(convnet, QuantizeStatic(), calibrated).checkpoint
    with pytest.raises(StepImpossible, match="quantized already"):
        quantize_static(lowered, QuantizeStatic(), calibrated)
    moved = QuantizeStatic(format="qdq", weights=WeightGrid(symmetric=False))
    with pytest.raises(StepImpossible, match="qdq format"):
        quantize_static(convnet, moved, calibrated)
    nothing = build(
        [helper.make_node("Relu", ["x"], ["y"])], {}, {"x": ["n", 2]}, {"y": ["n", 2]}
    )
    with pytest.raises(StepImpossible, match="no Conv"):
        quantize_static(nothing, QuantizeStatic(), context(nothing, samples(images)))
    bad = images.copy()
    bad[0, 0, 0, 0] = np.inf
    with pytest.raises(StepImpossible, match="NaN or infinite"):
        quantize_static(convnet, QuantizeStatic(), context(convnet, samples(bad)))


def test_nodes_without_names_and_with_the_same_name_are_told_apart(
    convnet: Checkpoint, calibrated: Context
) -> None:
    twins = Checkpoint(convnet.private())
    for node in twins.model.graph.node:
        node.name = "same"
    outcome = quantize_static(twins, QuantizeStatic(exclude=("a",)), calibrated)
    assert outcome.facts["float_layers"] == "a"
    assert outcome.facts["layers_quantized"] == 2


def test_types_of_the_model_file_stay(convnet: Checkpoint, calibrated: Context) -> None:
    model = quantize_static(convnet, QuantizeStatic(format="qdq"), calibrated).checkpoint.model
    onnx.checker.check_model(model, full_check=True)
    assert [(one.domain, one.version) for one in model.opset_import if not one.domain] == [
        ("", 18)
    ]
    assert initializers(model)["w_quantized"].data_type == TensorProto.INT8


def test_a_sum_with_a_float_stays_float(
    build: Callable[..., Checkpoint],
    context: Callable[..., Context],
    samples: Callable[[Images], Samples],
    images: Images,
) -> None:
    """A mask of -1e30 beside ordinary numbers fits no grid of 256 steps."""
    rng = np.random.default_rng(2)
    weight = rng.standard_normal((2, 2, 1, 1)).astype(np.float32)
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"]),
        helper.make_node("Conv", ["a", "v"], ["b"]),
        helper.make_node("Add", ["a", "b"], ["residual"], name="residual"),
        helper.make_node("Exp", ["x"], ["e"]),
        helper.make_node("Mul", ["e", "lowest"], ["mask"], name="mask"),
        helper.make_node("Add", ["residual", "mask"], ["y"], name="masked"),
    ]
    weights = {"w": weight, "v": weight[::-1].copy(), "lowest": np.float32(-1e30)}
    net = build(nodes, weights, {"x": ["n", 2, 8, 8]}, {"y": ["n", 2, 8, 8]})
    outcome = quantize_static(net, QuantizeStatic(), context(net, samples(images)))
    operators = Counter(node.op_type for node in outcome.checkpoint.model.graph.node)
    assert (operators["QLinearAdd"], operators["Add"], operators["Mul"]) == (1, 1, 1)


@pytest.mark.parametrize("form", ["qoperator", "qdq"])
def test_a_table_is_stored_as_integers(
    build: Callable[..., Checkpoint],
    context: Callable[..., Context],
    samples: Callable[..., Samples],
    sqnr: Callable[..., float],
    form: str,
) -> None:
    rng = np.random.default_rng(2)
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["e"]),
        helper.make_node("MatMul", ["e", "w"], ["y"]),
    ]
    weights = {
        "table": rng.standard_normal((64, 32)).astype(np.float32),
        "w": rng.standard_normal((32, 8)).astype(np.float32),
    }
    net = build(nodes, weights, {"ids": ["n", 5]}, {"y": ["n", 5, 8]}, integers=("ids",))
    ids = rng.integers(0, 64, (40, 5))
    calibrated = context(net, samples(ids, "ids"))
    spec = QuantizeStatic.model_validate({"format": form})
    outcome = quantize_static(net, spec, calibrated)
    assert outcome.facts["layers_quantized"] == 2
    assert sqnr(net, outcome.checkpoint, {"ids": ids}) > 25


def test_zeros_outlast_a_lowering_but_a_codebook_and_steps_do_not(
    convnet: Checkpoint, calibrated: Context
) -> None:
    steps = Multiples((0.5,), None, 3)
    forms = Trait(sparse=True, codebook=9, multiples=steps)
    before = Checkpoint(convnet.model, {"a": forms, "b": forms})
    spec = QuantizeStatic(exclude=("b",), format="qdq")
    traits = quantize_static(before, spec, calibrated).checkpoint.traits
    assert traits["a"].sparse
    assert (traits["a"].codebook, traits["a"].multiples) == (None, None)
    assert traits["b"] == forms
