"""The number of singular values above noise: constants of the paper, and matrices with one."""

import numpy as np
import pytest

from worker.engine.decompose.vbmf import _noise_variance, _omega, _threshold, vbmf_rank


def noisy(rows: int, columns: int, rank: int, noise: float) -> np.ndarray:  # type: ignore[type-arg]
    draw = np.random.default_rng(3)
    signal = draw.normal(size=(rows, rank)) @ draw.normal(size=(rank, columns))
    return np.asarray(signal + noise * draw.normal(size=(rows, columns)))


def test_the_threshold_of_a_square_matrix_is_that_of_the_paper() -> None:
    # log(t + 1) / t = 1/2 at t = 2.51286; x_ = (1 + t) (1 + 1 / t)
    assert _threshold(1.0) == pytest.approx(3.51286 * (1 + 1 / 2.51286), rel=1e-5)
    # t of 0.25: phi(t) + phi(4 t) = 0 at t = 1.27261
    t = 1.27261
    assert np.log1p(t) / t + np.log1p(4 * t) / (4 * t) == pytest.approx(1, abs=1e-4)
    assert _threshold(0.25) == pytest.approx((1 + t) * (1 + 0.25 / t), rel=1e-4)


@pytest.mark.parametrize(("rows", "columns"), [(30, 100), (100, 30), (40, 40)])
@pytest.mark.parametrize(("rank", "noise"), [(5, 0.5), (2, 2.0), (9, 0.01)])
def test_the_rank_and_the_noise_of_a_matrix_are_found(
    rows: int, columns: int, rank: int, noise: float
) -> None:
    values = np.linalg.svd(noisy(rows, columns, rank, noise), compute_uv=False)
    assert vbmf_rank(values, rows, columns) == rank
    assert vbmf_rank(values[::-1], rows, columns) == rank
    short, long = sorted((rows, columns))
    variance = _noise_variance(values, short, long, _threshold(short / long))
    assert variance == pytest.approx(noise**2, rel=0.15)


def test_noise_alone_and_nothing_at_all_have_no_rank() -> None:
    values = np.linalg.svd(noisy(20, 50, 1, 0.0) * 0 + noisy(20, 50, 0, 1.0), compute_uv=False)
    assert vbmf_rank(values, 20, 50) == 0
    assert vbmf_rank(np.zeros(4), 4, 9) == 0


def test_a_matrix_without_noise_keeps_its_rank() -> None:
    values = np.linalg.svd(noisy(20, 50, 3, 0.0), compute_uv=False)
    assert vbmf_rank(values, 20, 50) == 3


def test_the_free_energy_of_one_value_above_the_threshold() -> None:
    # alpha 1/2 and tau 2 belong to x = (1 + 2) (1 + 1/4); one on the threshold is noise
    x, least = np.array([3.75, 3.5, 0.5]), 3.5
    noise = 3.75 - np.log(3.75) + 3.5 - np.log(3.5) + 0.5 - np.log(0.5)
    gain = np.log(2 + 1) + 0.5 * np.log(2 / 0.5 + 1) - 2
    assert _omega(x, 0.5, least) == pytest.approx(noise + gain, rel=1e-12)


def test_without_a_signal_the_noise_is_the_mean_square() -> None:
    # 9 + 4 + 1 of 3 x 4 numbers
    variance = _noise_variance(np.array([3.0, 2.0, 1.0]), 3, 4, _threshold(3 / 4))
    assert variance == pytest.approx(14 / 12, rel=1e-6)


def test_a_square_matrix_without_noise_keeps_fewer_than_half_of_its_values() -> None:
    four = np.array([8.0] * 4 + [0.0] * 6)
    assert vbmf_rank(four, 10, 10) == 4  # at most ceil(10 / 2) - 1
    five = np.array([8.0] * 5 + [1e-6] * 5)
    assert vbmf_rank(five, 10, 10) == 0  # as much noise as signal: all of it is noise
