"""A layer's codes and bias, by hand where inputs are lopsided."""

import numpy as np
import pytest

from worker.engine.layerwise.moments import Moments
from worker.engine.rate.post.layer import code_layer


def seen(x: list[list[float]], coded: list[list[float]]) -> Moments:
    rows, others = np.array([x], np.float32), np.array([coded], np.float32)
    moments = Moments(1, rows.shape[2])
    moments.add(rows, others)
    return moments


def test_moments_are_means_over_rows_and_around_the_mean() -> None:
    moments = seen([[1, 0], [3, 4]], [[2, 0], [2, 2]])
    own, cross = moments.raw(0)
    assert own.tolist() == [[4, 2], [2, 2]]
    assert cross.tolist() == [[4, 3], [4, 4]]
    own, cross = moments.centred(0)  # x' - (2, 1), x - (2, 2)
    assert own.tolist() == [[0, 0], [0, 1]]
    assert cross.tolist() == [[0, 1], [0, 2]]


def test_weights_grow_where_the_coded_net_gives_too_little() -> None:
    moments = seen([[2.0], [-2.0]], [[1.0], [-1.0]])
    weight = np.array([[[100.0]]], np.float32)
    layer = code_layer(weight, moments, 1.0, 1.0, has_bias=False)
    # W* = 100 (2 + 0.1) / (1 + 0.1) = 190.9, on a step of 1
    assert layer.step == pytest.approx(1.0, rel=0.02)
    assert layer.codes[0, 0, 0] * layer.step == pytest.approx(190.9, abs=1)
    assert layer.shift is None


def test_the_bias_takes_up_the_difference_of_the_means() -> None:
    moments = seen([[1.0, 5.0], [3.0, 5.0]], [[1.0, 7.0], [3.0, 7.0]])
    weight = np.array([[[4.0, 2.0]]], np.float32)
    layer = code_layer(weight, moments, 0.01, 1.0, has_bias=True)
    values = layer.codes[0, 0] * layer.step
    assert layer.shift is not None
    assert layer.shift[0] == pytest.approx(4 * 2 + 2 * 5 - values @ [2, 7])


def test_inputs_that_go_together_allow_a_larger_step() -> None:
    draw = np.random.default_rng(0)
    common = draw.normal(size=(2000, 1))
    alike = (common + 0.1 * draw.normal(size=(2000, 8))).tolist()
    apart = draw.normal(size=(2000, 8)).tolist()
    weight = draw.normal(size=(1, 4, 8)).astype(np.float32)
    steps = [
        code_layer(weight, seen(x, x), 0.01, 1.0, has_bias=False).step for x in (apart, alike)
    ]
    assert steps[0] == pytest.approx(0.1, rel=0.1)
    assert steps[1] > 2 * steps[0]


@pytest.mark.parametrize(
    ("rows", "gain"), [(1, 2.6476), (2, 3.6407), (100, 7.1240)], ids=["one", "few", "many"]
)
@pytest.mark.parametrize("size", [1, 0.1])
def test_fewer_rows_than_columns_need_are_trusted_less(
    rows: int, gain: float, size: float
) -> None:
    # H = (1 1; 1 1) + d I with d = 0.01, or 0.01 4 columns / rows: (1 + d) / sqrt(d (2 + d))
    x = [[size, size]] * rows
    weight = np.array([[[3.0, 2.0]]], np.float32)
    layer = code_layer(weight, seen(x, x), 0.01, 1.0, has_bias=False)
    assert layer.step == pytest.approx(np.sqrt(0.01 * gain), rel=0.004)


def test_inputs_that_are_never_there_gain_nothing() -> None:
    weight = np.array([[[3.0, 2.0]]], np.float32)
    nothing = [[0.0, 0.0]] * 9
    layer = code_layer(weight, seen(nothing, nothing), 0.25, 1.0, has_bias=False)
    assert layer.step == 0.5
