"""Training as integers, from a float network to the graph that the runtime gets."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from lathe.errors import StepImpossible, UnknownLayer
from lathe.techniques.encode import EncodeEntropy
from lathe.techniques.quantize import QuantizeAware, QuantizeStatic
from lathe.techniques.train import Adam, DistillLoss, Teacher
from tests.unit.worker.engine.quantize.aware.conftest import Images, Learn
from tests.unit.worker.engine.quantize.conftest import Graph
from worker.engine.checkpoint import Checkpoint, QuantizedWeights, Trait
from worker.engine.context import Arrays, Context, Samples
from worker.engine.encode.pack import pack
from worker.engine.graph.initializers import initializers
from worker.engine.graph.io_spec import io_spec
from worker.engine.measure.executed import executed
from worker.engine.onnx_file.write import write_model
from worker.engine.quantize.aware import net, train
from worker.engine.quantize.aware.activations import Quantizer, put_in
from worker.engine.quantize.aware.train import quantize_aware
from worker.engine.quantize.static.lower import quantize_static
from worker.engine.session import open_session, run
from worker.engine.view import TorchView

WEIGHTS = ("a", "c", "d", "m", "g")
FAST = Adam(lr=0.02)


def spec(**fields: Any) -> QuantizeAware:
    return QuantizeAware(optimizer=FAST, batch_size=16, **{"epochs": 2} | fields)


@pytest.fixture
def views(monkeypatch: pytest.MonkeyPatch) -> list[TorchView]:
    """Every view that rounding was put in."""
    seen: list[TorchView] = []

    def spy(view: TorchView, *given: Any) -> dict[str, Quantizer]:
        seen.append(view)
        return put_in(view, *given)

    monkeypatch.setattr(net, "put_in", spy)
    return seen


def stored(checkpoint: Checkpoint, name: str) -> NDArray[Any]:
    return numpy_helper.to_array(initializers(checkpoint.model)[name])


def answers(model: onnx.ModelProto, pictures: Images) -> Arrays:
    return run(open_session(model), {"x": pictures.x})


@pytest.mark.parametrize(("bits", "epochs"), [(8, 0), (8, 2), (2, 2)])
def test_the_runtime_answers_as_the_trained_view_does_and_multiplies_integers_alone(
    residual: Checkpoint,
    learn: Learn,
    pictures: Images,
    views: list[TorchView],
    bits: int,
    epochs: int,
) -> None:
    outcome = quantize_aware(residual, spec(bits=bits, epochs=epochs), learn(residual))
    lowered = outcome.checkpoint
    runs = executed(lowered.model)
    assert runs.float_operators == {}
    assert {runs.layers[w] for w in WEIGHTS} == {"QLinearConv int8", "QGemm int8"}
    assert io_spec(lowered.model) == io_spec(residual.model)
    (y,) = answers(lowered.model, pictures).values()
    (seen,) = views[0].outputs({"x": pictures.x}).values()
    step = stored(lowered, "y_scale")
    assert np.abs(y - seen).max() <= step * 1.001
    assert np.mean(np.abs(y - seen) > step / 2) < 0.05
    assert y.std() > 4 * step


@pytest.mark.parametrize("bits", [2, 3])
def test_weights_of_few_bits_are_few_integers_in_bytes_and_biases_are_int32(
    residual: Checkpoint, learn: Learn, bits: int
) -> None:
    outcome = quantize_aware(residual, spec(bits=bits), learn(residual))
    half = 2 ** (bits - 1)
    for name in WEIGHTS:
        integers = stored(outcome.checkpoint, f"{name}_quantized")
        assert integers.dtype == np.int8
        assert -half <= integers.min()
        assert integers.max() <= half - 1
        channels = 1 if name == "m" else 0
        grid = QuantizedWeights(bits, symmetric=True, axis=channels)
        assert outcome.checkpoint.traits[name].grid == grid
        assert stored(outcome.checkpoint, f"{name}_scale").shape == (integers.shape[channels],)
    assert stored(outcome.checkpoint, "d.bias_quantized").dtype == np.int32
    assert (outcome.facts["bits"], outcome.facts["stored_bits"]) == (bits, 8)
    assert (outcome.facts["layers_quantized"], outcome.facts["layers_float"]) == (5, 0)


def test_a_packed_file_holds_two_bits_in_about_two(
    build: Graph,
    samples: Callable[..., Samples],
    context: Callable[..., Context],
    tmp_path: Path,
) -> None:
    draw = np.random.default_rng(9)
    weights: Arrays = {"w": draw.standard_normal((128, 64)).astype(np.float32)}
    node = helper.make_node("Gemm", ["x", "w"], ["y"], transB=1)
    made = build([node], weights, {"x": ["n", 64]}, {"y": ["n", 128]})
    given = context(made, samples(draw.standard_normal((32, 64)).astype(np.float32)))
    lowered = quantize_aware(made, spec(bits=2, epochs=0), given).checkpoint
    write_model(lowered.model, tmp_path / "lowered.onnx")
    report = pack(
        tmp_path / "lowered.onnx",
        tmp_path / "packed",
        hints={},
        profile=EncodeEntropy().profile,
    )
    (coded,) = (each for each in report.tensors if each.name == "w_quantized")
    assert coded.onnx_bytes == 128 * 64
    assert coded.packed_bytes < 128 * 64 * 2 / 8 + 32


def test_ranges_begin_where_quantize_static_has_them(
    residual: Checkpoint, learn: Learn
) -> None:
    aware = quantize_aware(residual, spec(epochs=0), learn(residual)).checkpoint
    static = quantize_static(residual, QuantizeStatic(format="qdq"), learn(residual)).checkpoint
    for tensor in ("x", "a3", "c2", "r", "d2", "y"):
        for part in ("scale", "zero_point"):
            assert stored(aware, f"{tensor}_{part}") == stored(static, f"{tensor}_{part}")


def test_training_moves_steps_and_offsets_but_not_the_range_that_stands_for_a_clip(
    residual: Checkpoint, learn: Learn
) -> None:
    before = quantize_aware(residual, spec(epochs=0), learn(residual)).checkpoint
    after = quantize_aware(residual, spec(bits=8), learn(residual)).checkpoint
    for moved in ("x_scale", "a3_scale", "a_scale", "m_scale"):
        assert np.any(stored(before, moved) != stored(after, moved))
    assert stored(before, "d2_scale") == stored(after, "d2_scale")
    assert stored(after, "a3_zero_point") == stored(after, "d2_zero_point") == 0
    assert stored(after, "x_zero_point") > 0


def test_two_bits_are_learnt_better_than_they_are_rounded(
    residual: Checkpoint, learn: Learn, pictures: Images
) -> None:
    def right(checkpoint: Checkpoint) -> float:
        (y,) = answers(checkpoint.model, pictures).values()
        return float(np.mean(y.argmax(1) == pictures.y))

    context = learn(residual)
    rounded = quantize_aware(residual, spec(bits=2, epochs=0), context)
    trained = quantize_aware(residual, spec(bits=2, epochs=8), context)
    assert right(trained.checkpoint) > right(rounded.checkpoint) + 0.2
    assert right(trained.checkpoint) > 0.65
    assert rounded.curve == ()
    assert len(trained.curve) == 9
    assert trained.facts["held_out_score_after"] > trained.facts["held_out_score_before"]  # type: ignore[operator]


def test_teachers_alone_teach_without_labels(residual: Checkpoint, learn: Learn) -> None:
    context = replace(learn(residual), teachers={"baseline": residual.model}, task=None)
    taught = spec(teachers=(Teacher(),), loss=DistillLoss(hard=0.0))
    facts = quantize_aware(residual, taught, context).facts
    assert (facts["teachers"], facts["soft_loss"]) == (1, "mean_squared_error")


def test_pruned_weights_stay_zero_and_an_excluded_layer_float(
    residual: Checkpoint, learn: Learn
) -> None:
    model = residual.private()
    tensor = initializers(model)["c"]
    pruned = numpy_helper.to_array(tensor).copy()
    zero = np.zeros(pruned.shape, bool)
    zero[:, ::2] = True
    pruned[zero] = 0
    tensor.CopyFrom(numpy_helper.from_array(pruned, "c"))
    traits = {"c": Trait(sparse=True, codebook=72), "d": Trait(codebook=3, sparse=True)}
    halves = np.sign(numpy_helper.to_array(initializers(model)["d"])) / 2
    initializers(model)["d"].CopyFrom(numpy_helper.from_array(halves, "d"))
    before = replace(residual, model=model, traits=traits)
    outcome = quantize_aware(before, spec(exclude=("d",)), learn(before))
    integers = stored(outcome.checkpoint, "c_quantized")
    assert not integers[zero].any()
    assert integers[~zero].any()
    assert outcome.checkpoint.traits["c"] == Trait(
        sparse=True, grid=QuantizedWeights(8, symmetric=True, axis=0)
    )
    assert outcome.facts["float_layers"] == "d"
    assert len(np.unique(stored(outcome.checkpoint, "d"))) == 2
    assert outcome.checkpoint.traits["d"] == traits["d"]


def test_every_kind_of_layer_is_taken_or_named(
    every_layer: Callable[..., onnx.ModelProto], learning: Context
) -> None:
    before = Checkpoint(every_layer())
    context = replace(learning, calibration=learning.train)
    outcome = quantize_aware(before, spec(bits=4), context)
    assert outcome.facts["layers_quantized"] == 4
    assert outcome.facts["float_layers"] == "w, table"
    runs = executed(outcome.checkpoint.model)
    assert set(runs.float_operators) == {"LSTM"}


def test_what_would_be_rounded_unseen_stays_float(
    build: Graph, learn: Learn, pictures: Images, views: list[TorchView]
) -> None:
    draw = np.random.default_rng(2)
    weights: Arrays = {
        "a": draw.standard_normal((4, 2, 3, 3)).astype(np.float32),
        "k": draw.standard_normal((4, 1, 1)).astype(np.float32),
        "t": draw.standard_normal((4, 4)).astype(np.float32),
        "u": draw.standard_normal((4, 4)).astype(np.float32),
        "row": draw.standard_normal((1, 4)).astype(np.float32),
        "g": draw.standard_normal((4, 3)).astype(np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["x", "a"], ["c"]),
        helper.make_node("Mul", ["c", "k"], ["scaled"]),
        helper.make_node("GlobalAveragePool", ["scaled"], ["p"]),
        helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("Gemm", ["f", "t"], ["one"], transB=1),
        helper.make_node("MatMul", ["one", "t"], ["two"]),
        helper.make_node("Gemm", ["two", "u", "row"], ["three"]),
        helper.make_node("Gemm", ["three", "g"], ["y"]),
    ]
    made = build(nodes, weights, {"x": ["n", 2, 8, 8]}, {"y": ["n", 3]})
    outcome = quantize_aware(made, spec(), learn(made))
    tensors = initializers(outcome.checkpoint.model)
    assert {"k", "t"} <= set(tensors)
    assert outcome.facts["float_layers"] == "t"
    (y,) = answers(outcome.checkpoint.model, pictures).values()
    (seen,) = views[0].outputs({"x": pictures.x}).values()
    assert np.abs(y - seen).max() <= stored(outcome.checkpoint, "y_scale") * 1.001


def test_without_vnni_weights_keep_to_seven_bits(
    residual: Checkpoint, learn: Learn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "saturates", lambda: True)
    outcome = quantize_aware(residual, spec(epochs=0), learn(residual))
    assert outcome.facts["bits"] == 7
    assert max(np.abs(stored(outcome.checkpoint, f"{w}_quantized")).max() for w in WEIGHTS) > 50
    assert all(stored(outcome.checkpoint, f"{w}_quantized").max() < 64 for w in WEIGHTS)
    few = quantize_aware(residual, spec(epochs=0, bits=4), learn(residual))
    assert few.facts["bits"] == 4


def test_what_cannot_be_done_is_refused_with_its_field(
    residual: Checkpoint, learn: Learn
) -> None:
    context = learn(residual)
    lowered = quantize_aware(residual, spec(epochs=0), context).checkpoint
    cases: list[tuple[Checkpoint, QuantizeAware, Context, str | None]] = [
        (residual, spec(), replace(context, train=None), "data.train"),
        (residual, spec(), replace(context, calibration=None), "data.calibration"),
        (residual, spec(exclude=WEIGHTS), context, "exclude"),
        (residual, spec(), replace(context, task=None), "loss.hard"),
        (lowered, spec(), context, None),
    ]
    for checkpoint, asked, given, param in cases:
        with pytest.raises(StepImpossible) as refused:
            quantize_aware(checkpoint, asked, given)
        assert refused.value.param == param
    with pytest.raises(UnknownLayer):
        quantize_aware(residual, spec(exclude=("nothing",)), context)


def test_rounding_alone_needs_no_train_data(residual: Checkpoint, learn: Learn) -> None:
    context = replace(learn(residual), train=None, task=None)
    assert quantize_aware(residual, spec(epochs=0), context).facts["layers_quantized"] == 5
