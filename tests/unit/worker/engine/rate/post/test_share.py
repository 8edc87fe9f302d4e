"""The whole step without training: what it hands back, and what it says."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper

from lathe.errors import StepImpossible, UnknownLayer
from lathe.task import Task
from lathe.techniques.rate import ShareRateDistortion
from lathe.views import Progress
from tests.unit.worker.engine.layerwise.graphs import Door, made
from worker.engine.checkpoint import Checkpoint, Trait
from worker.engine.context import Arrays, Context
from worker.engine.graph.initializers import initializers
from worker.engine.graph.io_spec import io_spec
from worker.engine.layerwise import calibration
from worker.engine.measure.metrics import sqnr_db
from worker.engine.onnx_file.array import array
from worker.engine.outcome import Outcome
from worker.engine.rate.post import parted
from worker.engine.rate.share import share_rate_distortion
from worker.engine.run.traits import check_kept
from worker.engine.session import open_session, run


class Unlabelled:
    """Inputs by name."""

    has_labels = False

    def __init__(self, inputs: Arrays) -> None:
        self.arrays = inputs
        self.count = len(next(iter(inputs.values())))

    def inputs(self, rows: NDArray[np.int64]) -> Arrays:
        return {name: values[rows] for name, values in self.arrays.items()}

    def labels(self, rows: NDArray[np.int64]) -> NDArray[np.generic]:
        raise AssertionError("nobody may ask for labels")


@pytest.fixture
def light(context: Context, mixed: onnx.ModelProto, mixed_inputs: Arrays) -> Context:
    """Calibration examples alone, for `mixed`."""
    calibration = Unlabelled(mixed_inputs)
    return replace(context, io=io_spec(mixed), train=None, calibration=calibration, task=None)


def shared(model: onnx.ModelProto, context: Context, **spec: object) -> Outcome:
    before = Checkpoint(model)
    context = replace(context, teachers={"baseline": model} | context.teachers)
    done = share_rate_distortion(before, ShareRateDistortion.model_validate(spec), context)
    check_kept(before, done.checkpoint)
    return done


def noise_db(model: onnx.ModelProto, outcome: Outcome, inputs: Arrays) -> float:
    before = run(open_session(model), inputs)["y"].astype(np.float64)
    after = run(open_session(outcome.checkpoint.model), inputs)["y"].astype(np.float64)
    return sqnr_db(float(np.square(before).sum()), float(np.square(before - after).sum()))


def test_every_weight_becomes_a_multiple_of_a_step(
    mixed: onnx.ModelProto, light: Context, mixed_inputs: Arrays
) -> None:
    fractions: list[float] = []

    def listen(progress: Progress) -> None:
        fractions.append(progress.fraction)

    done = shared(mixed, replace(light, progress=listen), distortion=0.01)
    weights = {"conv", "gemm", "table", "w", "r", "matmul"}
    assert weights | {"conv_bias", "b"} == done.checkpoint.traits.keys()
    for name in weights:
        multiples = done.checkpoint.traits[name].multiples
        assert multiples is not None
        values = array(initializers(done.checkpoint.model)[name]).astype(np.float32)
        codes = np.rint(values / multiples.steps[0])
        assert np.array_equal(codes.astype(np.float32) * np.float32(multiples.steps[0]), values)
        assert int(np.abs(codes).max()) == multiples.most
    assert noise_db(mixed, done, mixed_inputs) > 20  # 0.01 of the variance, or less
    assert done.facts["examples"] == 40
    assert done.facts["layers_rounded_to_nearest"] == "table"
    assert done.facts["target_met"] is None
    assert fractions == sorted(fractions)
    assert fractions[-1] == pytest.approx(1.0)


def test_inputs_make_the_same_bytes_tell_more(
    mixed: onnx.ModelProto, light: Context, mixed_inputs: Arrays
) -> None:
    seen = shared(mixed, light, target={"max_bytes": 2300})
    blind = shared(mixed, replace(light, calibration=None), target={"max_bytes": 2300})
    assert seen.facts["target_met"] is blind.facts["target_met"] is True
    assert blind.facts["steps_from"] == "weights"
    assert noise_db(mixed, seen, mixed_inputs) > noise_db(mixed, blind, mixed_inputs) + 2


def test_the_same_seed_gives_the_same_weights(mixed: onnx.ModelProto, light: Context) -> None:
    one, other = (shared(mixed, light).checkpoint.model for _ in range(2))
    assert one.SerializeToString() == other.SerializeToString()
    third = shared(mixed, replace(light, seed=8)).checkpoint.model
    assert third.SerializeToString() != one.SerializeToString()


def test_a_loss_is_held_on_labels_of_train(dense: onnx.ModelProto, context: Context) -> None:
    spec = {"assignment": "feedback", "hold_out": 0.5, "target": {"max_drop": 0.02}}
    done = shared(dense, context, **spec)
    assert done.facts["judged_by"] == "accuracy"
    assert context.train is not None
    assert done.facts["judged_examples"] == context.train.count // 2
    assert done.facts["target_met"] is True
    drop, bits = done.facts["judged_drop"], done.facts["bits_a_weight"]
    assert isinstance(drop, float)
    assert isinstance(bits, float)
    assert drop <= 0.02
    assert bits < 4.5


def test_a_target_that_cannot_be_met_gives_the_best_found(
    mixed: onnx.ModelProto, light: Context
) -> None:
    done = shared(mixed, light, target={"max_bytes": 10})
    assert done.facts["target_met"] is False
    plain = shared(mixed, light)
    least, usual = (outcome.facts["bits_a_weight"] for outcome in (done, plain))
    assert isinstance(least, float)
    assert isinstance(usual, float)
    assert least < usual


def test_a_loss_is_counted_from_the_baseline(dense: onnx.ModelProto, context: Context) -> None:
    worse = onnx.ModelProto()
    worse.CopyFrom(dense)
    bias = initializers(worse)["b_bias"]
    bias.raw_data = np.array([9, 0, 0], np.float32).tobytes()  # one answer for all
    spec = {"assignment": "feedback", "target": {"max_drop": 0.1}}
    assert shared(worse, context, **spec).facts["target_met"] is True
    context.teachers["baseline"] = dense
    lost = shared(worse, context, **spec).facts
    assert lost["target_met"] is False
    assert isinstance(lost["judged_drop"], float)
    assert lost["judged_drop"] > 0.4


def test_a_loss_that_nobody_can_judge_is_left_open(
    mixed: onnx.ModelProto, light: Context
) -> None:
    done = shared(mixed, replace(light, calibration=None), target={"max_drop": 0.01})
    assert (done.facts["judged_by"], done.facts["target_met"]) == (None, None)
    assert done.facts["distortion"] == 0.002


def test_what_is_protected_or_on_a_grid_already_stays(
    mixed: onnx.ModelProto, light: Context
) -> None:
    first = shared(mixed, light, protect=("gemm", "w"), distortion=0.001)
    before = {t.name: t.raw_data for t in first.checkpoint.model.graph.initializer}
    again = share_rate_distortion(
        first.checkpoint, ShareRateDistortion(distortion=0.1, protect=("gemm",)), light
    )
    check_kept(first.checkpoint, again.checkpoint)
    after = {t.name: t.raw_data for t in again.checkpoint.model.graph.initializer}
    # r reads the coded w; r keeps its grid all the same
    assert {name for name in before if before[name] != after[name]} == {"w"}
    with pytest.raises(UnknownLayer, match="no layer 'none'"):
        shared(mixed, light, protect=("none",))


def test_zeros_of_an_earlier_step_stay_zero(mixed: onnx.ModelProto, light: Context) -> None:
    graph = initializers(mixed)
    for name in ("gemm", "conv"):
        values = array(graph[name]).astype(np.float32)
        values[np.abs(values) < 0.3] = 0
        graph[name].raw_data = values.tobytes()
    traits = {name: Trait(sparse=True) for name in ("gemm", "conv")}
    before = Checkpoint(mixed, traits)
    done = share_rate_distortion(before, ShareRateDistortion(distortion=0.001), light)
    check_kept(before, done.checkpoint)
    assert done.checkpoint.traits["gemm"].sparse


def test_a_graph_that_cannot_be_trained_is_coded_all_the_same(light: Context) -> None:
    square = np.random.default_rng(1).normal(size=(6, 6)).astype(np.float32)
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["h"]),
        helper.make_node("NonZero", ["h"], ["where"]),
        helper.make_node("Shape", ["where"], ["size"]),
        helper.make_node("Cast", ["size"], ["length"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMax", ["length"], ["most"], keepdims=0),
        helper.make_node("Sub", ["h", "most"], ["y"]),
    ]
    kind: Door = (TensorProto.FLOAT, ["n", 6])
    model = made(nodes, {"w": square}, {"x": kind}, {"y": kind})
    x = np.random.default_rng(2).normal(size=(50, 6)).astype(np.float32)
    context = replace(light, io=io_spec(model), calibration=Unlabelled({"x": x}))
    done = shared(model, context, distortion=0.01)
    assert done.facts["layers_rounded_to_nearest"] == ""
    assert noise_db(model, done, {"x": x}) > 20


def test_a_fixed_batch_and_few_examples_are_enough(light: Context) -> None:
    kind: Door = (TensorProto.FLOAT, [4, 3])
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    weight = np.random.default_rng(1).normal(size=(3, 3)).astype(np.float32)
    model = made([node], {"w": weight}, {"x": kind}, {"y": kind})
    context = replace(
        light,
        io=io_spec(model),
        task=Task(kind="regression"),
        calibration=Unlabelled({"x": np.eye(3, dtype=np.float32)}),
    )
    done = shared(model, context, target={"max_drop": 0.1})
    assert done.facts["judged_examples"] == 1
    assert done.facts["target_met"] is True


def test_examples_that_no_layer_needs_judge(
    light: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibration, "MOST_EXAMPLES", 40)
    monkeypatch.setattr(parted, "FEWEST_LOOKED_AT", 30)
    kind: Door = (TensorProto.FLOAT, ["n", 3])
    weight = np.random.default_rng(1).normal(size=(3, 3)).astype(np.float32)
    model = made(
        [helper.make_node("MatMul", ["x", "w"], ["y"])], {"w": weight}, {"x": kind}, {"y": kind}
    )
    alike = Task(kind="similarity")
    for count, task, looked_at, judged in (
        (90, light.task, 40, 50),
        (69, light.task, 30, 10),  # 29 are too few
        (90, alike, 30, 10),  # in so few dimensions there are not 8 that are unlike
    ):
        x = np.random.default_rng(2).normal(size=(count, 3)).astype(np.float32)
        context = replace(light, io=io_spec(model), task=task, calibration=Unlabelled({"x": x}))
        facts = shared(model, context, target={"max_drop": 0.1}).facts
        assert (facts["examples"], facts["judged_examples"]) == (looked_at, judged)


def test_a_model_without_weights_is_refused(light: Context) -> None:
    kind: Door = (TensorProto.FLOAT, ["n", 3])
    model = made([helper.make_node("Relu", ["x"], ["y"])], {}, {"x": kind}, {"y": kind})
    with pytest.raises(StepImpossible, match="no layer left"):
        shared(model, replace(light, io=io_spec(model)))


def test_a_similarity_is_judged_by_examples_like_none_that_a_layer_saw(light: Context) -> None:
    """Twelve directions twice: those that judge leave the other ones of their kind out."""
    x = np.concatenate([np.eye(12), 2 * np.eye(12)]).astype(np.float32)
    kind: Door = (TensorProto.FLOAT, ["n", 12])
    weight = {"w": np.eye(12, dtype=np.float32)}
    model = made(
        [helper.make_node("MatMul", ["x", "w"], ["y"])], weight, {"x": kind}, {"y": kind}
    )
    context = replace(light, io=io_spec(model), calibration=Unlabelled({"x": x}))
    asked = replace(context, task=Task(kind="similarity"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parted, "FEWEST_UNLIKE", 6)
        facts = shared(model, asked, target={"max_drop": 0.1}).facts
    assert (facts["examples"], facts["judged_examples"]) == (12, 6)
