"""Evaluation of tiny files whose answers are known."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from lathe.errors import DataMismatch, StepImpossible
from lathe.task import Task
from lathe.views import Progress
from tests.unit.worker.engine.points import Points
from worker.engine.context import Arrays
from worker.engine.measure.evaluate import Pair, evaluate
from worker.engine.measure.judgement import Classified


@dataclass(frozen=True)
class Held(Points):
    """Points that remember how many of them were asked for at once."""

    sizes: list[int] = field(default_factory=list)

    def inputs(self, rows: NDArray[np.int64]) -> Arrays:
        self.sizes.append(len(rows))
        return super().inputs(rows)


def linear(path: Path, weight: list[list[float]], batch: str | int = "n") -> Path:
    """A file that answers y = x W."""
    array = np.array(weight, np.float32)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, array.shape[0]])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [batch, array.shape[1]])],
        [numpy_helper.from_array(array, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    onnx.save(model, path)
    return path


IDENTITY = [[1.0, 0.0], [0.0, 1.0]]
SWAPPED = [[0.0, 1.0], [1.0, 0.0]]
X = np.array([[3, 1], [1, 3], [5, 4], [0, 2], [9, 8]], np.float32)


def test_classification_is_judged_by_the_largest_output(tmp_path: Path) -> None:
    model = linear(tmp_path / "m.onnx", IDENTITY)
    data = Held(X, np.array([0, 1, 1, 1, 0]))
    result = evaluate(model, data, Task(kind="classification"), batch_size=2)
    assert result.examples == 5
    assert result.scores["accuracy"] == pytest.approx(4 / 5)
    assert isinstance(result.judgement, Classified)
    assert result.judgement.predictions.tolist() == [0, 1, 0, 1, 0]
    assert result.scores["agreement"] == 1


def test_agreement_is_with_the_reference(tmp_path: Path) -> None:
    model, original = (
        linear(tmp_path / "m.onnx", IDENTITY),
        linear(tmp_path / "o.onnx", SWAPPED),
    )
    data = Held(X, np.array([0, 1, 1, 1, 0]))
    result = evaluate(model, data, Task(kind="classification"), reference=original)
    assert result.scores["accuracy"] == pytest.approx(4 / 5)
    assert result.scores["agreement"] == 0


def test_a_fixed_batch_is_filled_up_and_cut(tmp_path: Path) -> None:
    model = linear(tmp_path / "m.onnx", IDENTITY, batch=3)
    data = Held(X, np.array([0, 1, 1, 1, 0]))
    result = evaluate(model, data, Task(kind="classification"), batch_size=32)
    assert data.sizes == [3, 2]
    assert result.scores["accuracy"] == pytest.approx(4 / 5)


def test_column_labels_are_read_as_labels(tmp_path: Path) -> None:
    model = linear(tmp_path / "m.onnx", IDENTITY)
    data = Held(X, np.array([[0], [1], [1], [1], [0]]))
    result = evaluate(model, data, Task(kind="classification"))
    assert result.scores["accuracy"] == pytest.approx(4 / 5)


def test_regression_keeps_outputs_and_targets(tmp_path: Path) -> None:
    model = linear(tmp_path / "m.onnx", [[2.0], [0.0]])
    data = Held(X, np.array([6.0, 4.0, 10.0, 0.0, 17.0]))
    result = evaluate(model, data, Task(kind="regression"), batch_size=2)
    assert result.scores["mse"] == pytest.approx((4 + 1) / 5)
    assert result.scores["mae"] == pytest.approx((2 + 1) / 5)


def test_similarity_compares_both_sides(tmp_path: Path) -> None:
    model = linear(tmp_path / "m.onnx", IDENTITY)
    a = Held(np.array([[1, 0], [1, 0], [2, 0]], np.float32), np.array([5.0, 0.5, 2.0]))
    b = Held(np.array([[3, 0], [0, 1], [1, 1]], np.float32))
    result = evaluate(model, Pair(a, b), Task(kind="similarity"), batch_size=2)
    assert result.scores["spearman"] == pytest.approx(1)


def test_reconstruction_without_labels_aims_at_its_input(tmp_path: Path) -> None:
    model = linear(tmp_path / "m.onnx", [[1.0, 0.0], [0.0, 0.0]])
    result = evaluate(model, Held(X), Task(kind="reconstruction"), batch_size=3)
    assert result.scores["mse"] == pytest.approx((1 + 9 + 16 + 4 + 64) / 10)


def test_without_a_task_the_original_is_the_measure(tmp_path: Path) -> None:
    original = linear(tmp_path / "o.onnx", IDENTITY)
    model = linear(tmp_path / "m.onnx", [[0.9, 0.0], [0.0, 0.9]])
    result = evaluate(model, Held(X), Task(kind="none"), reference=original, batch_size=2)
    assert result.scores["agreement"] == 1
    assert result.scores["sqnr_db"] == pytest.approx(20, abs=1e-4)


def test_labels_that_do_not_fit_are_named(tmp_path: Path) -> None:
    model = linear(tmp_path / "m.onnx", IDENTITY)
    with pytest.raises(DataMismatch, match="class labels"):
        evaluate(model, Held(X, np.zeros((5, 7))), Task(kind="classification"))
    with pytest.raises(DataMismatch, match="3 values an example"):
        evaluate(model, Held(X, np.zeros((5, 3))), Task(kind="regression"))
    with pytest.raises(DataMismatch, match="pairs"):
        evaluate(model, Held(X, np.zeros(5)), Task(kind="similarity"))


def test_an_answer_that_is_no_number_is_refused(tmp_path: Path) -> None:
    model = linear(tmp_path / "m.onnx", [[3e38, 0.0], [3e38, 1.0]])
    with pytest.raises(StepImpossible, match="NaN or infinity"):
        evaluate(model, Held(X, np.zeros(5, np.int64)), Task(kind="classification"))


def test_progress_counts_examples(tmp_path: Path) -> None:
    seen: list[Progress] = []
    model = linear(tmp_path / "m.onnx", IDENTITY)
    data = Held(X, np.zeros(5, np.int64))
    evaluate(model, data, Task(kind="classification"), batch_size=2, progress=seen.append)
    assert [one.current for one in seen] == [2, 4, 5]
    assert seen[-1].fraction == 1
