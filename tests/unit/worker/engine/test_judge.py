"""What is lost, on examples and by measures worked out by hand."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper

from lathe.task import Task
from tests.unit.worker.engine.layerwise.graphs import Door, made
from worker.engine.context import Arrays, Context
from worker.engine.graph.io_spec import io_spec
from worker.engine.judge import Some, judge
from worker.engine.measure.metrics import spearman
from worker.engine.rate.post.coded_net import with_tensors

X = np.array([[3, 0], [0, 2], [1, 2], [2, 1], [0, 1]], np.float32)


class Table:
    """Five examples; the last label is wrong for a net that passes them on."""

    has_labels = True
    count = len(X)

    def inputs(self, rows: NDArray[np.int64]) -> Arrays:
        return {"x": X[rows]}

    def labels(self, rows: NDArray[np.int64]) -> NDArray[np.generic]:
        return np.array([0, 1, 1, 0, 0])[rows]


@pytest.fixture
def same() -> onnx.ModelProto:
    """y = x."""
    kind: Door = (TensorProto.FLOAT, ["n", 2])
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    return made([node], {"w": np.eye(2, dtype=np.float32)}, {"x": kind}, {"y": kind})


@pytest.fixture
def other(same: onnx.ModelProto) -> onnx.ModelProto:
    """y = (x0, x0 + x1): of the answers, the first and the fourth change."""
    return with_tensors(same, {"w": np.array([[1, 1], [0, 1]], np.float32)})


@pytest.fixture
def context(tmp_path: Path, same: onnx.ModelProto) -> Context:
    return Context(io=io_spec(same), folder=tmp_path, task=Task(kind="classification"))


ALL = Some(Table(), np.arange(5))


def test_labels_of_the_held_out_part_judge_where_there_are_some(
    context: Context, same: onnx.ModelProto, other: onnx.ModelProto
) -> None:
    found = judge(same, replace(context, train=Table()), 0.6, ALL)
    assert found is not None
    assert (found.metric, found.samples.count) == ("accuracy", 3)
    found.samples = ALL
    # 4 of 5 right before; then the fourth becomes wrong, the first stays: x = (3, 0) ties
    assert found.drop(other) == pytest.approx(0.2)
    assert found.drop(same) == 0


def test_without_labels_every_other_answer_counts(
    context: Context, same: onnx.ModelProto, other: onnx.ModelProto
) -> None:
    found = judge(same, context, 0.6, ALL)
    assert found is not None
    assert found.metric == "agreement"
    assert found.drop(other) == pytest.approx(0.2)


def test_a_similarity_is_judged_by_the_order_of_its_pairs(
    context: Context, same: onnx.ModelProto
) -> None:
    angles = np.array([0, 0.1, 0.4, 1.0])  # six pairs, all cosines different
    points = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)

    class Four(Table):
        count = 4

        def inputs(self, rows: NDArray[np.int64]) -> Arrays:
            return {"x": points[rows]}

    task = replace(context, task=Task(kind="similarity"), train=Four())  # one side of pairs
    found = judge(same, task, 0.5, Some(Four(), np.arange(4)))
    assert found is not None
    turned = np.array([[0, 5], [-5, 0]], np.float32)  # angles stay
    assert found.drop(with_tensors(same, {"w": turned})) == pytest.approx(0)
    flat = np.array([[1, 0], [0, 0]], np.float32)  # all the same direction
    assert found.drop(with_tensors(same, {"w": flat})) == pytest.approx(1)


def test_many_pairs_that_are_about_as_alike_count_no_more_than_a_few(
    context: Context,
) -> None:
    """40 of 48 examples lie together, and only their order among each other changes."""
    kind: Door = (TensorProto.FLOAT, ["n", 48])
    said: Door = (TensorProto.FLOAT, ["n", 2])
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    together, apart = np.linspace(0, 0.1, 40), np.linspace(0.3, 1.5, 8)
    shuffled = np.random.default_rng(2).permutation(together)

    def around(angles: NDArray[np.float64]) -> onnx.ModelProto:
        points = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
        return made([node], {"w": points}, {"x": kind}, {"y": said})

    class OneOf48(Table):
        count = 48

        def inputs(self, rows: NDArray[np.int64]) -> Arrays:
            return {"x": np.eye(48, dtype=np.float32)[rows]}

    before, after = np.append(together, apart), np.append(shuffled, apart)
    original = around(before)
    task = replace(context, io=io_spec(original), task=Task(kind="similarity"))
    found = judge(original, task, 0.5, Some(OneOf48(), np.arange(48)))
    assert found is not None
    first, second = np.triu_indices(48, 1)
    among_all = spearman(
        -abs(before[first] - before[second]), -abs(after[first] - after[second])
    )
    assert 1 - among_all > 0.25
    assert 0 < found.drop(around(after)) < 0.05


def test_a_regression_is_judged_by_the_variance_that_is_lost(
    context: Context, same: onnx.ModelProto, other: onnx.ModelProto
) -> None:
    found = judge(same, replace(context, task=Task(kind="regression")), 0.5, ALL)
    assert found is not None
    # error: x0^2 summed = 9 + 1 + 4 = 14; y varies by 14 - 36/5 and 10 - 36/5
    assert found.drop(other) == pytest.approx(14 / (6.8 + 2.8))


def test_nobody_judges_without_examples(context: Context, same: onnx.ModelProto) -> None:
    assert judge(same, context, 0.5, None) is None


def test_a_larger_error_is_a_loss(context: Context, same: onnx.ModelProto) -> None:
    """Answers 2 x miss the labels x by x, and x itself misses nothing."""

    class Targets(Table):
        def labels(self, rows: NDArray[np.int64]) -> NDArray[np.generic]:
            return X[rows]

    twice = with_tensors(same, {"w": 2 * np.eye(2, dtype=np.float32)})
    regression = replace(context, task=Task(kind="regression"), train=Targets())
    found = judge(same, regression, 0.4, None)
    assert found is not None
    held = X[found.samples.rows]
    assert found.metric == "mse"
    assert found.drop(twice) == pytest.approx(np.square(held).mean())
