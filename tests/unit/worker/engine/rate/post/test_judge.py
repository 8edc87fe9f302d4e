"""What is lost, on examples and by measures worked out by hand."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper

from lathe.job import Task
from tests.unit.worker.engine.rate.post.graphs import Door, made
from worker.engine.context import Arrays, Context
from worker.engine.graph.io_spec import io_spec
from worker.engine.rate.post.coded_net import with_tensors
from worker.engine.rate.post.judge import Some, judge

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


def test_a_similarity_is_judged_by_the_order_of_all_pairs(
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


def test_a_regression_is_judged_by_the_variance_that_is_lost(
    context: Context, same: onnx.ModelProto, other: onnx.ModelProto
) -> None:
    found = judge(same, replace(context, task=Task(kind="regression")), 0.5, ALL)
    assert found is not None
    # error: x0^2 summed = 9 + 1 + 4 = 14; y varies by 14 - 36/5 and 10 - 36/5
    assert found.drop(other) == pytest.approx(14 / (6.8 + 2.8))


def test_nobody_judges_without_examples(context: Context, same: onnx.ModelProto) -> None:
    assert judge(same, context, 0.5, None) is None
