from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from lathe.task import Task
from worker.engine.context import Arrays
from worker.engine.measure.noise import Noisy, examples_within, input_deviations, noise_curve

X = np.array([[2.0, 0.0], [-2.0, 0.0], [6.0, 1.0], [-6.0, 1.0]] * 3, dtype=np.float32)


class Sides:
    """Class 0 where the first column is negative, else 1; `ids` are whole numbers."""

    count = 12
    has_labels = True

    def inputs(self, rows: NDArray[np.int64]) -> Arrays:
        return {"x": X[rows], "ids": np.ones((len(rows), 1), dtype=np.int64)}

    def labels(self, rows: NDArray[np.int64]) -> NDArray[np.generic]:
        return np.asarray(X[rows, 0] > 0, dtype=np.int64)


class OnlyFloats(Sides):
    def inputs(self, rows: NDArray[np.int64]) -> Arrays:
        return {"x": X[rows]}


def noise_of(noisy: Noisy, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    return noisy.inputs(rows)["x"].astype(np.float64) - X[rows]


def linear(weight: list[list[float]], path: Path) -> Path:
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 2])],
        [numpy_helper.from_array(np.array(weight, dtype=np.float32), "w")],
    )
    opset = [helper.make_opsetid("", 18)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), path)
    return path


def test_deviations_are_of_the_float_inputs_alone() -> None:
    # mean square of (2, 0, -2, 0, 6, 1, -6, 1) is 82 / 8, its mean 2 / 8
    deviations = input_deviations(Sides(), np.arange(12))
    assert deviations == {"x": pytest.approx((82 / 8 - 0.25**2) ** 0.5)}


def test_every_row_gets_the_same_noise_in_every_batch_and_it_grows_with_sigma() -> None:
    rows = np.arange(12)
    small = Noisy(Sides(), rows, {"x": 2.0}, 0.1, seed=7)
    large = Noisy(Sides(), rows, {"x": 2.0}, 0.2, seed=7)
    together = noise_of(small, rows)
    alone = noise_of(small, np.array([5]))
    np.testing.assert_allclose(together[5:6], alone)
    np.testing.assert_allclose(noise_of(large, rows), 2 * together, rtol=1e-3, atol=1e-5)
    assert 0.1 < together.std() < 0.35
    assert not np.allclose(together[4], together[5])
    np.testing.assert_array_equal(small.inputs(rows)["ids"], np.ones((12, 1)))


def test_the_curve_starts_clean_and_a_model_that_hears_only_noise_falls(tmp_path: Path) -> None:
    right = linear([[-1, 1], [0, 0]], tmp_path / "right.onnx")
    wrong = linear([[1, -1], [0, 0]], tmp_path / "wrong.onnx")
    task = Task(kind="classification")
    heard = noise_curve(right, wrong, OnlyFloats(), task, seed=1, threads=1)
    assert heard is not None
    curve = heard.points
    assert [point.sigma for point in curve] == [0.0, 0.05, 0.1, 0.2]
    assert (curve[0].baseline, curve[0].candidate) == (1.0, 0.0)
    assert all(point.baseline + point.candidate == pytest.approx(1) for point in curve)


def test_without_float_inputs_there_is_no_curve(tmp_path: Path) -> None:
    class Ids(Sides):
        def inputs(self, rows: NDArray[np.int64]) -> Arrays:
            return {"ids": np.ones((len(rows), 1), dtype=np.int64)}

    path = linear([[1, 0], [0, 1]], tmp_path / "any.onnx")
    task = Task(kind="classification")
    assert noise_curve(path, path, Ids(), task, seed=0, threads=1) is None


def test_the_more_a_model_computes_the_fewer_examples_it_is_shown() -> None:
    # two files at four strengths: 2.5e11 / 8 = 31.25e9 multiply-accumulates for each
    assert examples_within(None) == 1000
    assert examples_within(31_250_000) == 1000
    assert examples_within(62_500_000) == 500
    assert examples_within(62_500_000, sides=2) == 250
    assert examples_within(4_000_000_000) == 100


def test_the_check_says_how_many_examples_of_how_many_were_looked_at(tmp_path: Path) -> None:
    class Many(OnlyFloats):
        count = 3000

        def inputs(self, rows: NDArray[np.int64]) -> Arrays:
            return super().inputs(rows % 12)

        def labels(self, rows: NDArray[np.int64]) -> NDArray[np.generic]:
            return super().labels(rows % 12)

    path = linear([[-1, 1], [0, 0]], tmp_path / "right.onnx")
    task = Task(kind="classification")
    heard = noise_curve(path, path, Many(), task, seed=1, threads=1, macs=62_500_000)
    assert heard is not None
    assert (heard.check.examples, heard.check.of, heard.check.stopped) == (500, 3000, None)
    assert heard.check.wall_s > 0


def test_a_file_that_overflows_under_noise_ends_the_curve_and_is_told_of(
    tmp_path: Path,
) -> None:
    class Threes(OnlyFloats):
        def inputs(self, rows: NDArray[np.int64]) -> Arrays:
            return {"x": np.sign(X[rows] - 0.5).astype(np.float32) * 3}

    # 3 * 1.12e38 is finite, 3.04 * 1.12e38 is past the largest float
    path = linear([[-1.12e38, 1.12e38], [0, 0]], tmp_path / "large.onnx")
    task = Task(kind="classification")
    heard = noise_curve(path, path, Threes(), task, seed=1, threads=1)
    assert heard is not None
    assert [point.sigma for point in heard.points] == [0.0]
    assert heard.check.stopped is not None
    assert heard.check.stopped.startswith("at 0.05 times the deviation")
