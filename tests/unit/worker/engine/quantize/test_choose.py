"""quantize.choose: which way to 8-bit integers is kept."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from lathe.errors import StepImpossible
from lathe.task import Task
from lathe.techniques.quantize import QuantizeChoose, QuantizeStatic, QuantizeWeights
from tests.unit.worker.engine.layerwise.graphs import made
from tests.unit.worker.engine.points import Points
from worker.engine.checkpoint import Checkpoint
from worker.engine.context import Context
from worker.engine.graph.io_spec import io_spec
from worker.engine.judge import Judge
from worker.engine.onnx_file.write import file_bytes
from worker.engine.outcome import Outcome
from worker.engine.quantize import choose
from worker.engine.quantize.choose import Tried, chosen, quantize_choose
from worker.engine.quantize.judge_apart import judge_apart
from worker.engine.quantize.variants import mostly_matrices, narrow_convolutions, variants

FLOATS = 1000  # bytes
FLOAT = TensorProto.FLOAT


def tried(name: str, time: float, size_bytes: int, drop: float | None) -> Tried:
    return Tried(name, Outcome(Checkpoint(onnx.ModelProto())), size_bytes, drop, time)


FAST = tried("fast", 0.5, 400, 0.02)
SOUND = tried("sound", 0.7, 300, 0.004)
SMALL = tried("small", 1.4, 260, 0.001)


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({}, "sound"),
        ({"max_drop": 0.02}, "fast"),
        ({"max_drop": 0.003}, None),  # what is left is slower than the floats
        ({"objective": "size"}, "small"),
        ({"objective": "size", "max_drop": 0.0005}, None),
    ],
)
def test_the_best_of_those_that_lose_little_is_kept(
    fields: dict[str, Any], name: str | None
) -> None:
    best = chosen([FAST, SOUND, SMALL], QuantizeChoose(**fields), FLOATS)
    assert (best.name if best else None) == name


def test_hardly_faster_is_not_faster_and_hardly_smaller_is_not_smaller() -> None:
    close = [tried("close", 0.98, 995, 0.0)]
    assert chosen(close, QuantizeChoose(), FLOATS) is None
    assert chosen(close, QuantizeChoose(objective="size"), FLOATS) is None


def test_what_nobody_could_judge_may_be_kept() -> None:
    unjudged = tried("unjudged", 0.5, 300, None)
    assert chosen([unjudged], QuantizeChoose(), FLOATS) is unjudged


def net(inputs: int = 64, hidden: int = 256) -> onnx.ModelProto:
    """x (n, 64) -> y (n, 3), with enough weights for integers to be smaller."""
    draw = np.random.default_rng(4)
    shapes = {"a": (inputs, hidden), "b": (hidden, 3)}
    nodes = [
        helper.make_node("MatMul", ["x", "a"], ["h"]),
        helper.make_node("Relu", ["h"], ["r"]),
        helper.make_node("MatMul", ["r", "b"], ["y"]),
    ]
    tensors = {
        name: draw.normal(size=shape).astype(np.float32) for name, shape in shapes.items()
    }
    return made(nodes, tensors, {"x": (FLOAT, ["n", inputs])}, {"y": (FLOAT, ["n", 3])})


@pytest.fixture
def looking(tmp_path: Path) -> Context:
    """40 examples to calibrate with, and a classification without labels."""
    x = np.random.default_rng(5).normal(size=(40, 64)).astype(np.float32)
    return Context(
        io=io_spec(net()),
        folder=tmp_path,
        task=Task(kind="classification"),
        calibration=Points(x),
    )


def test_every_way_is_tried_judged_and_told(looking: Context) -> None:
    spec = QuantizeChoose(objective="size", runs=10, max_drop=0.5)
    outcome = quantize_choose(Checkpoint(net()), spec, looking)
    rows = str(outcome.facts["tried"]).split("; ")
    names = [row.partition(":")[0] for row in rows]
    assert names == [
        "dynamic",
        "weights in blocks",
        "static min_max",
        "static percentile",
        "static entropy",
        "static min_max qdq",
    ]
    assert all(" lost" in row for row in rows)
    assert outcome.facts["chosen"] in names
    assert outcome.facts["judged_by"] == "agreement"
    assert outcome.checkpoint.lowered
    assert file_bytes(outcome.checkpoint.model) < 0.5 * file_bytes(net())
    (kept,) = looking.folder.rglob("*.onnx")  # of the float file and six ways
    assert kept.stem == outcome.facts["chosen"]


def test_floats_are_kept_with_the_reason_and_what_would_be_smallest(
    looking: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choose, "FASTER_AT", 1e-9)
    before = Checkpoint(net())
    outcome = quantize_choose(before, QuantizeChoose(runs=10, max_drop=0.5), looking)
    assert outcome.checkpoint is before
    assert outcome.facts["chosen"] == "keep float"
    assert not list(looking.folder.rglob("*.onnx"))
    why = str(outcome.facts["why"])
    assert "none is faster" in why
    assert "x smaller" in why


def test_where_all_lose_too_much_the_one_that_loses_least_is_told(
    looking: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    drops = iter((0.5, 0.3, 0.03, 0.2, 0.4, 0.1))
    monkeypatch.setattr(Judge, "drop", lambda *_: next(drops))
    outcome = quantize_choose(Checkpoint(net()), QuantizeChoose(runs=10), looking)
    assert outcome.facts["chosen"] == "keep float"
    why = str(outcome.facts["why"])
    assert "every one loses more than 0.005; static min_max: " in why
    assert "0.03000 lost loses least" in why


def test_ranges_never_come_from_the_examples_that_judge(
    looking: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    calibrated: list[set[bytes]] = []

    def watch(checkpoint: Checkpoint, _: QuantizeStatic, context: Context) -> Outcome:
        assert context.calibration is not None
        rows = np.arange(context.calibration.count)
        calibrated.append({x.tobytes() for x in context.calibration.inputs(rows)["x"]})
        return Outcome(checkpoint)

    monkeypatch.setattr(choose, "quantize_static", watch)
    judged_by, apart = judge_apart(Checkpoint(net()), looking)
    assert judged_by is not None
    quantize_choose(Checkpoint(net()), QuantizeChoose(runs=10), looking)
    rows = np.arange(judged_by.samples.count)
    judged = {x.tobytes() for x in judged_by.samples.inputs(rows)["x"]}
    assert len(judged) == 10
    assert len(calibrated) == 4
    assert all(len(seen) == 30 and not seen & judged for seen in calibrated)
    assert apart.calibration is not None
    assert apart.calibration.count == 30


def test_labels_of_train_judge_where_there_are_some(looking: Context) -> None:
    labelled = Points(
        np.random.default_rng(6).normal(size=(50, 64)).astype(np.float32),
        np.arange(50) % 3,
    )
    context = Context(io=looking.io, folder=looking.folder, task=looking.task, train=labelled)
    judged_by, _ = judge_apart(Checkpoint(net()), context)
    assert judged_by is not None
    assert judged_by.metric == "accuracy"
    assert judged_by.samples.count == 5
    outcome = quantize_choose(Checkpoint(net()), QuantizeChoose(runs=10), context)
    assert str(outcome.facts["tried"]).startswith("dynamic")
    assert "static" not in str(outcome.facts["tried"])


def test_a_model_that_cannot_be_quantized_is_refused_with_every_reason(
    looking: Context,
) -> None:
    door = (FLOAT, ["n", 64])
    model = made([helper.make_node("Relu", ["x"], ["y"])], {}, {"x": door}, {"y": door})
    with pytest.raises(StepImpossible, match=r"dynamic: .*static min_max: "):
        quantize_choose(Checkpoint(model), QuantizeChoose(runs=10), looking)


def convolution(name: str, channels: int, groups: int = 1) -> onnx.ModelProto:
    weight = np.ones((4, channels // groups, 3, 3), np.float32)
    conv = helper.make_node("Conv", ["x", name], ["y"], group=groups)
    images = {"x": (FLOAT, ["n", channels, 8, 8])}
    return made([conv], {name: weight}, images, {"y": (FLOAT, ["n", 4, 6, 6])})


def test_narrow_convolutions_may_stay_float() -> None:
    assert narrow_convolutions(convolution("w", 3)) == ("w",)
    assert narrow_convolutions(convolution("w", 4)) == ()
    assert narrow_convolutions(convolution("w", 4, groups=4)) == ("w",)
    steps = dict(variants(convolution("w", 1), (), calibrated=True))
    narrow = steps["static min_max, narrow convolutions float"]
    assert narrow.exclude == ("w",)
    assert steps["static min_max"].exclude == ()
    assert list(dict(variants(convolution("w", 1), (), calibrated=False))) == ["dynamic"]
    kept = dict(variants(convolution("w", 1), ("w",), calibrated=True))
    assert not any("narrow" in name for name in kept)
    assert all(step.exclude == ("w",) for step in kept.values())


def mixed(kernels: int, columns: int) -> onnx.ModelProto:
    """A convolution of 9 weights for each of `kernels` and a product of 4 x `columns`."""
    nodes = [
        helper.make_node("Conv", ["x", "c"], ["h"]),
        helper.make_node("MatMul", ["h", "m"], ["y"]),
    ]
    tensors = {
        "c": np.ones((kernels, 1, 3, 3), np.float32),
        "m": np.ones((4, columns), np.float32),
    }
    images = {"x": (FLOAT, ["n", 1, 6, 6])}
    return made(nodes, tensors, images, {"y": (FLOAT, ["n", kernels, 4, columns])})


def test_weights_in_blocks_are_tried_where_most_weights_are_of_products() -> None:
    assert not mostly_matrices(mixed(4, 9))  # 36 of 72: half
    assert mostly_matrices(mixed(4, 10))
    ways = dict(variants(mixed(4, 10), ("c",), calibrated=False))
    assert list(ways) == ["dynamic", "weights in blocks"]
    blocks = ways["weights in blocks"]
    assert isinstance(blocks, QuantizeWeights)
    assert (blocks.bits, blocks.protect) == (8, ("c",))
