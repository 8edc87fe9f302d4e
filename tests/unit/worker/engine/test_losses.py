"""Losses, worked by hand."""

import math

import pytest
import torch

from worker.engine.losses import cross_entropy, distillation, logits_of, squared_error


def test_distillation_of_two_classes_at_temperature_two_is_the_value_worked_by_hand() -> None:
    # Softened by T = 2: teacher (2 ln 3, 0) is (3/4, 1/4), student (0, 2 ln 4) is (1/5, 4/5)
    teacher = torch.tensor([[2 * math.log(3), 0.0]])
    student = torch.tensor([[0.0, 2 * math.log(4)]])
    kl = 0.75 * math.log(0.75 / 0.2) + 0.25 * math.log(0.25 / 0.8)
    assert distillation(student, teacher, 2.0, 1).item() == pytest.approx(4 * kl, rel=1e-6)


def test_distillation_is_the_mean_over_the_batch_and_nothing_for_an_agreeing_pair() -> None:
    teacher = torch.tensor([[2 * math.log(3), 0.0], [1.0, 5.0], [0.5, 0.0]])
    student = torch.tensor([[0.0, 2 * math.log(4)], [1.0, 5.0], [0.5, 0.0]])
    kl = 0.75 * math.log(0.75 / 0.2) + 0.25 * math.log(0.25 / 0.8)
    assert distillation(student, teacher, 2.0, 1).item() == pytest.approx(4 * kl / 3, rel=1e-6)


def test_distillation_asks_how_far_the_student_is_from_the_teacher_not_the_reverse() -> None:
    teacher, student = torch.tensor([[0.0, math.log(9)]]), torch.tensor([[0.0, 0.0]])
    forward = 0.1 * math.log(0.1 / 0.5) + 0.9 * math.log(0.9 / 0.5)
    assert distillation(student, teacher, 1.0, 1).item() == pytest.approx(forward, rel=1e-6)


def test_distillation_counts_every_pixel_as_one_example() -> None:
    teacher, student = torch.zeros(2, 2, 1, 3), torch.zeros(2, 2, 1, 3)
    teacher[1, 1, 0, 2] = math.log(9)
    one = 0.1 * math.log(0.1 / 0.5) + 0.9 * math.log(0.9 / 0.5)
    assert distillation(student, teacher, 1.0, 1).item() == pytest.approx(one / 6, rel=1e-6)


def test_cross_entropy_is_minus_the_log_of_the_right_class() -> None:
    logits = torch.tensor([[math.log(3), 0.0], [0.0, math.log(4)]])  # (3/4, 1/4), (1/5, 4/5)
    loss = cross_entropy(logits, torch.tensor([1, 1]), 1)
    assert loss.item() == pytest.approx(-(math.log(1 / 4) + math.log(4 / 5)) / 2, rel=1e-6)


def test_cross_entropy_finds_classes_on_the_last_axis() -> None:
    logits = torch.tensor([[[math.log(3), 0.0], [0.0, math.log(4)], [0.0, 0.0]]])  # (1, 3, 2)
    loss = cross_entropy(logits, torch.tensor([[0, 0, 1]]), 2)
    by_hand = -(math.log(3 / 4) + math.log(1 / 5) + math.log(1 / 2)) / 3
    assert loss.item() == pytest.approx(by_hand, rel=1e-6)


def test_probabilities_are_taken_back_to_logits_and_an_exact_zero_stays_finite() -> None:
    output = torch.tensor([[0.75, 0.25], [1.0, 0.0]])
    loss = cross_entropy(logits_of(output, probabilities=True), torch.tensor([1, 1]), 1)
    by_hand = -(math.log(0.25) + math.log(1e-12)) / 2
    assert loss.item() == pytest.approx(by_hand, rel=1e-5)
    assert logits_of(output, probabilities=False) is output


def test_squared_error_is_the_mean_over_every_element() -> None:
    output, target = torch.tensor([[1.0, 5.0, 2.0]]), torch.tensor([[1.0, 2.0, 0.0]])
    assert squared_error(output, target).item() == pytest.approx((0 + 9 + 4) / 3)
