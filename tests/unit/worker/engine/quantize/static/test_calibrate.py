"""Ranges over several batches, with extremes placed by hand."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import helper

from lathe.techniques.quantize import Entropy, MeanSquaredError, MinMax, Percentile
from lathe.views import Progress
from worker.engine.checkpoint import Checkpoint
from worker.engine.context import Samples, silent
from worker.engine.quantize.static.calibrate import calibrate
from worker.engine.quantize.static.feed import BATCH

Make = Callable[[NDArray[np.float32]], Samples]


@pytest.fixture
def doubled(build: Callable[..., Checkpoint]) -> Checkpoint:
    nodes = [helper.make_node("Mul", ["x", "two"], ["y"])]
    return build(nodes, {"two": np.float32(2)}, {"x": ["n", 10]}, {"y": ["n", 10]})


@pytest.fixture
def spread() -> NDArray[np.float32]:
    """Three batches of values in [0, 1], the smallest in the first, the largest in the last."""
    x = np.random.default_rng(4).random((3 * BATCH, 10)).astype(np.float32)
    x[3, 2], x[-1, 5] = -3, 9
    return x


def test_min_max_is_over_every_batch(
    doubled: Checkpoint, spread: NDArray[np.float32], samples: Make
) -> None:
    heard: list[Progress] = []
    model = doubled.model
    found = calibrate(model, model.graph.node, MinMax(), samples(spread), progress=heard.append)
    assert found == {"x": (-3.0, 9.0), "y": (-6.0, 18.0)}
    assert [one.fraction for one in heard] == pytest.approx([1 / 3, 2 / 3, 1])


def test_a_percentile_leaves_the_two_strangers_out(
    doubled: Checkpoint, spread: NDArray[np.float32], samples: Make
) -> None:
    model, method = doubled.model, Percentile(percentile=99.0)
    found = calibrate(model, model.graph.node, method, samples(spread), progress=silent)
    assert found["x"] == pytest.approx((0.005, 0.995), abs=0.01)
    assert found["y"] == pytest.approx((0.01, 1.99), abs=0.02)


def test_entropy_stays_within_what_was_seen(
    doubled: Checkpoint, spread: NDArray[np.float32], samples: Make
) -> None:
    spread = np.tile(np.abs(spread[:, :10]), (4, 1))
    model = doubled.model
    found = calibrate(model, model.graph.node, Entropy(), samples(spread), progress=silent)
    low, high = found["x"]
    assert low == spread.min()
    assert 0.9 < high < 9


def test_the_least_squared_error_clips_one_stranger_among_many(
    doubled: Checkpoint, samples: Make
) -> None:
    """Integers up to T lose (T / 255)^2 / 12 of each of 160,000 values and (9 - T)^2 of the
    stranger: least at 0.205 T = 9 - T, T = 7.47; around the middle at 0.82 T = 9 - T, 4.94."""
    x = np.random.default_rng(4).random((16_000, 10)).astype(np.float32)
    x[7, 3] = 9
    model, method, given = doubled.model, MeanSquaredError(), samples(x)
    found = calibrate(model, model.graph.node, method, given, progress=silent)
    assert found["x"] == pytest.approx((0, 7.47), abs=0.15)
    assert found["y"] == pytest.approx((0, 14.94), abs=0.3)
    even = calibrate(model, model.graph.node, method, given, symmetric=True, progress=silent)
    assert even["x"] == pytest.approx((0, 4.94), abs=0.4)


def test_an_activation_that_is_always_zero_has_an_empty_range(
    doubled: Checkpoint, samples: Make
) -> None:
    zeros, model = np.zeros((3, 10), np.float32), doubled.model
    for method in (MinMax(), Percentile(), Entropy(), MeanSquaredError()):
        found = calibrate(model, model.graph.node, method, samples(zeros), progress=silent)
        assert found == {"x": (0.0, 0.0), "y": (0.0, 0.0)}
