"""prune.channels with training between its rounds."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from lathe.errors import BudgetUnreachable
from lathe.task import Task
from lathe.techniques.prune import PruneChannels
from lathe.techniques.train import Adam, Distill, Recover
from worker.engine.checkpoint import Checkpoint
from worker.engine.context import Arrays, Context
from worker.engine.graph.initializers import initializers
from worker.engine.graph.io_spec import io_spec
from worker.engine.graph.parameters import parameters
from worker.engine.prune.channels.gradual import prune_gradually
from worker.engine.run.traits import check_kept


class Halves:
    """Points of four numbers; the label says whether the first is positive."""

    count = 120
    has_labels = True

    def __init__(self) -> None:
        self.x = np.random.default_rng(1).normal(size=(120, 4)).astype(np.float32)

    def inputs(self, rows: NDArray[np.int64]) -> Arrays:
        return {"x": self.x[rows]}

    def labels(self, rows: NDArray[np.int64]) -> NDArray[np.generic]:
        return np.asarray(self.x[rows, 0] > 0).astype(np.int64)


@pytest.fixture
def model() -> onnx.ModelProto:
    """x (n, 4) -> Gemm a (12) -> Relu -> Gemm b (2) -> y: 86 parameters."""
    draw = np.random.default_rng(2)
    shapes = {"a": (12, 4), "a_bias": (12,), "b": (2, 12), "b_bias": (2,)}
    tensors = {k: draw.normal(size=s).astype(np.float32) * 0.5 for k, s in shapes.items()}
    nodes = [
        helper.make_node("Gemm", ["x", "a", "a_bias"], ["h"], transB=1),
        helper.make_node("Relu", ["h"], ["r"]),
        helper.make_node("Gemm", ["r", "b", "b_bias"], ["y"], transB=1),
    ]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 2])],
        [numpy_helper.from_array(array, name) for name, array in tensors.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


@pytest.fixture
def context(model: onnx.ModelProto, tmp_path: Path) -> Context:
    return Context(
        io=io_spec(model),
        folder=tmp_path,
        seed=3,
        task=Task(kind="classification"),
        train=Halves(),
        teachers={"baseline": model},
    )


TRAINING = Recover(epochs=2, batch_size=16, optimizer=Adam(lr=0.02))


def test_every_round_keeps_the_same_fraction_and_learns(
    model: onnx.ModelProto, context: Context
) -> None:
    spec = PruneChannels(keep_parameters=0.25, rounds=2, criterion="taylor", recover=TRAINING)
    before = Checkpoint(model)
    outcome = prune_gradually(before, spec, context)
    check_kept(before, outcome.checkpoint)
    # a unit costs 4 + 1 + 2 of 86; half of 86 leaves 5 units (37), a quarter of 86 two (16)
    assert list(initializers(outcome.checkpoint.model)["a"].dims) == [2, 4]
    assert parameters(outcome.checkpoint.model) == 16
    assert outcome.facts["parameters_left"] == 16 / 86
    assert [row[0] for row in outcome.curve] == [0, 1, 2, 3, 4, 5]
    assert outcome.curve[-1][2] > 0.8


def test_a_distillation_may_stand_between_the_rounds(
    model: onnx.ModelProto, context: Context
) -> None:
    training = Distill(epochs=1, batch_size=16, optimizer=Adam(lr=0.01))
    spec = PruneChannels(keep_macs=0.5, rounds=2, recover=training)
    outcome = prune_gradually(Checkpoint(model), spec, context)
    assert outcome.facts["teachers"] == 1
    assert outcome.facts["macs_left"] == 0.5


def test_progress_does_not_go_back(model: onnx.ModelProto, context: Context) -> None:
    seen: list[float] = []
    spec = PruneChannels(keep_parameters=0.5, rounds=3, recover=TRAINING)
    prune_gradually(
        Checkpoint(model), spec, replace(context, progress=lambda p: seen.append(p.fraction))
    )
    assert seen == sorted(seen)
    assert seen[-1] == pytest.approx(1.0)


def test_a_budget_out_of_reach_is_said_before_any_training(
    model: onnx.ModelProto, context: Context
) -> None:
    spec = PruneChannels(keep_parameters=0.05, rounds=2, recover=TRAINING)
    with pytest.raises(BudgetUnreachable):
        prune_gradually(Checkpoint(model), spec, replace(context, train=None))
