import pytest
import torch

from worker.engine.train.features import attention, hint


def test_a_hint_is_the_mean_squared_error_of_all_values() -> None:
    student = torch.tensor([[[1.0, 2.0], [0.0, 4.0]]])  # one example, two channels
    teacher = torch.tensor([[[1.0, 0.0], [3.0, 4.0]]])
    assert hint(student, teacher, None).item() == pytest.approx((4 + 9) / 4)


def test_a_regressor_mixes_the_students_channels_into_the_teachers() -> None:
    student = torch.tensor([[[1.0, 2.0], [3.0, 5.0]]])
    regressor = torch.tensor([[1.0, 0.0], [2.0, -1.0], [0.0, 0.5]])  # three from two
    made = torch.tensor([[[1.0, 2.0], [-1.0, -1.0], [1.5, 2.5]]])
    assert hint(student, made, regressor).item() == 0
    assert hint(student, made + 2, regressor).item() == pytest.approx(4)


def test_attention_compares_where_values_are_large_and_not_how_large() -> None:
    # squares of channels: positions 9 + 16 and 0, 0 and 4; the maps are (1, 0) and (0, 1)
    student = torch.tensor([[[3.0, 0.0], [-4.0, 0.0]]])
    teacher = torch.tensor([[[0.0, 2.0]]])
    assert attention(student, teacher).item() == pytest.approx(2)
    assert attention(student, -7 * student).item() == pytest.approx(0)
    # 3 and 4 become 9 and 16 of length root 337, beside (1, 0)
    other = torch.tensor([[[3.0, 4.0]]])
    root = 337**0.5
    expected = (1 - 9 / root) ** 2 + (16 / root) ** 2
    assert attention(student, other).item() == pytest.approx(expected)


def test_attention_is_a_mean_over_examples() -> None:
    apart = torch.tensor([[[1.0, 0.0]], [[1.0, 0.0]], [[0.0, 1.0]]])
    same = torch.tensor([[[1.0, 0.0]], [[1.0, 0.0]], [[1.0, 0.0]]])
    assert attention(apart, same).item() == pytest.approx(2 / 3)


def test_agreement_has_a_gradient_of_zero_and_not_of_nothing() -> None:
    student = torch.tensor([[[1.0, 2.0]]], requires_grad=True)
    attention(student, torch.tensor([[[1.0, 2.0]]])).backward()
    assert student.grad is not None
    assert student.grad.abs().max() < 1e-6
