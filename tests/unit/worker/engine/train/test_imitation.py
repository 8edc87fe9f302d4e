"""What tells probabilities from logits."""

import pytest
import torch

from worker.engine.train.imitation import are_probabilities, unlabelled_class_axis


@pytest.mark.parametrize(
    ("rows", "are"),
    [
        ([[0.25, 0.75], [1, 0]], True),
        ([[0.25, 0.75], [1.5, -0.5]], False),
        ([[0.25, 0.75], [0.5, 0.4985]], False),
        ([[0.25, 0.75], [0.5, 0.4992]], True),
        ([[0.25, 0.75], [0.5, 0.5015]], False),
        ([[3, 5], [1, 2]], False),
    ],
)
def test_probabilities_are_not_negative_and_add_up_to_one(
    rows: list[list[float]], *, are: bool
) -> None:
    assert are_probabilities(torch.tensor(rows)) is are


def test_only_images_have_their_classes_before_their_positions() -> None:
    shapes = ((2, 3), (2, 3, 4), (2, 3, 4, 5), (2, 3, 4, 5, 6))
    assert [unlabelled_class_axis(torch.zeros(shape)) for shape in shapes] == [1, 2, 1, 1]
