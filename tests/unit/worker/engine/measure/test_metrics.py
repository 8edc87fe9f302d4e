"""Every formula against numbers worked by hand."""

import math

import numpy as np
import pytest

from worker.engine.measure.metrics import (
    class_counts,
    cosine,
    macro,
    pearson,
    psnr_db,
    r2,
    ranks,
    relative_error,
    relative_norm,
    spearman,
    sqnr_db,
)


def test_precision_recall_and_f1_are_counted_per_class() -> None:
    labels = np.array([0, 0, 0, 1, 1, 2])
    predicted = np.array([0, 0, 1, 1, 0, 1])
    counts = class_counts(predicted, labels, 4)
    assert counts.precision.tolist() == pytest.approx([2 / 3, 1 / 3, 0, 0])
    assert counts.recall.tolist() == pytest.approx([2 / 3, 1 / 2, 0, 0])
    assert counts.f1.tolist() == pytest.approx([4 / 6, 2 / 5, 0, 0])


def test_the_macro_mean_leaves_out_a_class_that_never_occurs() -> None:
    counts = class_counts(np.array([0, 1, 1]), np.array([0, 0, 1]), 3)
    # class 0: precision 1, class 1: precision 1/2, class 2: neither seen nor predicted
    assert macro(counts.precision, counts) == pytest.approx(0.75)


def test_a_label_that_is_no_class_is_not_counted() -> None:
    counts = class_counts(np.array([0, 1, 1]), np.array([0, -100, 7]), 2)
    assert counts.support.tolist() == [1, 0]
    assert counts.predicted.tolist() == [1, 0]


def test_a_prediction_that_is_no_class_is_a_miss() -> None:
    counts = class_counts(np.array([-1, 5, 1]), np.array([0, 1, 1]), 2)
    assert counts.hits.tolist() == [0, 1]
    assert counts.predicted.tolist() == [0, 1]
    assert counts.support.tolist() == [1, 2]


def test_r2_measures_each_column_around_its_own_mean() -> None:
    targets = np.array([[1.0, 10.0], [3.0, 16.0]])
    outputs = np.array([[2.0, 10.0], [3.0, 14.0]])
    # residual 1 + 4 = 5, total (1 + 1) + (9 + 9) = 20
    assert r2(targets, outputs) == pytest.approx(0.75)


def test_r2_of_constant_targets_is_one_only_for_a_perfect_fit() -> None:
    constant = np.full((3, 1), 2.0)
    assert r2(constant, constant) == 1
    assert r2(constant, constant + 1) == 0


def test_psnr_compares_the_squared_peak_with_the_error() -> None:
    assert psnr_db(mse=4.0, peak=20.0) == pytest.approx(20.0)
    assert psnr_db(mse=0.0, peak=20.0) == 200
    assert psnr_db(mse=4.0, peak=0.0) == -200


def test_sqnr_is_ten_decades_of_signal_over_noise() -> None:
    assert sqnr_db(signal=5000.0, noise=5.0) == pytest.approx(30.0)
    assert sqnr_db(signal=5.0, noise=0.0) == 200
    assert sqnr_db(signal=0.0, noise=1.0) == -200


def test_ties_share_their_mean_rank() -> None:
    assert ranks(np.array([30.0, 10.0, 30.0, 20.0])).tolist() == [3.5, 1.0, 3.5, 2.0]


def test_pearson_by_hand() -> None:
    # deviations (-2, 0, 2) and (-3, -1, 4): 14 / sqrt(8 * 26)
    a, b = np.array([1.0, 3.0, 5.0]), np.array([0.0, 2.0, 7.0])
    assert pearson(a, b) == pytest.approx(14 / math.sqrt(208))
    assert pearson(a, -b) == pytest.approx(-14 / math.sqrt(208))
    assert pearson(a, np.ones(3)) == 0


def test_spearman_sees_only_the_order() -> None:
    a = np.array([1.0, 2.0, 3.0, 4.0])
    assert spearman(a, np.array([1.0, 10.0, 100.0, 1e6])) == pytest.approx(1.0)
    # ranks 1 3 2 4: 1 - 6 (0 + 1 + 1 + 0) / (4 * 15) = 0.8
    assert spearman(a, np.array([0.0, 9.0, 5.0, 11.0])) == pytest.approx(0.8)


def test_cosine_is_taken_row_by_row() -> None:
    a = np.array([[3.0, 4.0], [1.0, 0.0], [0.0, 0.0]])
    b = np.array([[4.0, 3.0], [0.0, 2.0], [1.0, 1.0]])
    assert cosine(a, b).tolist() == pytest.approx([24 / 25, 0.0, 0.0])


def test_other_answers_are_compared_with_what_they_vary_by() -> None:
    """Around the mean [2, 5]: 1 + 1 + 4 + 4 = 10; apart: 0 + 1 + 4 + 0 = 5."""
    original, changed = np.float64([[1, 3], [3, 7]]), np.float64([[1, 4], [5, 7]])
    assert relative_error(original, changed) == 0.5
    assert relative_error(original[:1], original[:1]) == 0


def test_a_relative_norm_is_a_root() -> None:
    assert relative_norm(1, 16) == 0.25
    assert relative_norm(0, 0) == 0
