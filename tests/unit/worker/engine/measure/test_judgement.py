"""Scores of all examples and of chosen ones, worked by hand."""

import numpy as np
import pytest

from worker.engine.measure.judgement import (
    Classified,
    Compared,
    Reconstructed,
    Regressed,
    Similar,
)


def classified(predictions: list[int], labels: list[int], reference: list[int]) -> Classified:
    return Classified(np.array(predictions), np.array(labels), 3, np.array(reference))


def test_accuracy_and_agreement_are_two_things() -> None:
    judged = classified([0, 1, 2, 2], labels=[0, 1, 1, 0], reference=[1, 1, 2, 2])
    assert judged.score("accuracy") == pytest.approx(2 / 4)
    assert judged.score("agreement") == pytest.approx(3 / 4)


def test_a_resample_counts_an_example_as_often_as_it_is_named() -> None:
    judged = classified([0, 1, 2, 2], labels=[0, 1, 1, 0], reference=[0, 0, 0, 0])
    rows = np.array([0, 0, 0, 2])
    assert judged.score("accuracy", rows) == pytest.approx(3 / 4)
    # class 0: 1, class 1: 0 of 1, class 2: 0 of 1
    assert judged.score("recall_macro", rows) == pytest.approx(1 / 3)
    assert judged.score("f1_macro", rows) == pytest.approx(1 / 3)


def test_an_example_without_a_valid_label_is_left_out() -> None:
    judged = classified([0, 1, 2], labels=[0, 0, -100], reference=[0, 1, 2])
    assert judged.score("accuracy") == pytest.approx(1 / 2)


def test_a_dense_example_is_the_mean_of_its_positions() -> None:
    predictions = np.array([[0, 1, 1, 1], [2, 2, 0, 0]])
    labels = np.array([[0, 0, 0, 1], [2, 2, 0, -1]])
    judged = Classified(predictions, labels, 3, predictions)
    assert judged.correct.tolist() == [0.5, 1.0]
    assert judged.score("accuracy") == pytest.approx(0.75)


def test_saying_what_is_no_class_is_never_right() -> None:
    said, labels = np.array([[7, 0, 1]]), np.array([[7, 0, 0]])
    assert Classified(said, labels, 3, said).correct.tolist() == [0.5]


def test_regression_errors_are_means_over_examples_and_columns() -> None:
    judged = Regressed(np.array([[1.0, 5.0], [2.0, 2.0]]), np.array([[1.0, 2.0], [3.0, 2.0]]))
    # squared 0 9 | 1 0, absolute 0 3 | 1 0
    assert judged.score("mse") == pytest.approx(10 / 4)
    assert judged.score("mae") == pytest.approx(4 / 4)
    assert judged.score("mse", np.array([1])) == pytest.approx(1 / 2)
    # targets' squared deviations: (1 + 1) + 0
    assert judged.score("r2") == pytest.approx(1 - 10 / 2)


def test_similarity_is_correlated_with_peoples_marks() -> None:
    judged = Similar(np.array([0.9, 0.1, 0.5]), np.array([5.0, 0.0, 1.0]))
    assert judged.score("spearman") == pytest.approx(1)
    assert judged.score("spearman", np.array([0, 1])) == pytest.approx(1)
    assert judged.score("pearson") < 0.95


def test_reconstruction_takes_its_peak_from_all_targets() -> None:
    judged = Reconstructed(np.array([0.5, 1.5]), peak=10.0)
    assert judged.score("mse") == pytest.approx(1)
    assert judged.score("psnr_db") == pytest.approx(20)


def test_against_the_original_alone() -> None:
    judged = Compared(np.array([30.0, 70.0]), np.array([0.5, 0.5]), np.array([1.0, 0.5]))
    assert judged.score("sqnr_db") == pytest.approx(20)
    assert judged.score("agreement") == pytest.approx(0.75)
    assert judged.score("agreement", np.array([1, 1])) == pytest.approx(0.5)


def test_a_metric_of_another_task_is_no_metric() -> None:
    with pytest.raises(KeyError):
        Similar(np.zeros(2), np.zeros(2)).score("accuracy")
    with pytest.raises(KeyError):
        Regressed(np.zeros((1, 1)), np.zeros((1, 1))).score("accuracy")
