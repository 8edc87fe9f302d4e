"""What is asked of a student, by hand, and what tells probabilities from logits."""

from typing import cast

import numpy as np
import onnxruntime as ort
import pytest
import torch

from lathe.techniques.train import LogitsLoss
from tests.unit.worker.engine.points import Points
from worker.engine.train.batches import Batch
from worker.engine.train.imitation import (
    Imitated,
    Imitation,
    are_probabilities,
    unlabelled_class_axis,
)
from worker.engine.train.objective import Objective
from worker.engine.train.teachers import Teacher

X = np.float32([[1], [2]])
BATCH = Batch(np.arange(2), {"x": torch.tensor(X)}, torch.tensor([[1.0], [3.0]]))
SAID = {"y": torch.tensor([[2.0], [2.0]]), "z": torch.tensor([[5.0], [5.0]])}
TABLE = {"y": np.float32([[1], [3]]), "z": np.float32([[4], [8]])}


def taught(share: float) -> Teacher:
    """Who has been asked about both rows."""
    nobody = cast("ort.InferenceSession", None)
    return Teacher("t", share, nobody, ("y", "z"), np.ones(2, np.bool_), TABLE)


def lesson(*teachers: Teacher, hard: float, objective: Objective | None = None) -> Imitation:
    return Imitation(
        samples=Points(X),
        objective=objective,
        hard=hard,
        soft=LogitsLoss(weight=0.5),
        teachers=teachers,
        imitated=(Imitated("y", 1.0, "values"), Imitated("z", 0.25, "values")),
    )


def test_outputs_count_by_their_weight_and_teachers_by_their_share() -> None:
    alone = lesson(taught(1.0), hard=0.0)
    y, z = (alone.distance(one, SAID[one.output], torch.tensor(TABLE[one.output]))
            for one in alone.imitated)  # fmt: skip
    assert y.item() != z.item()
    wanted = y.item() + 0.25 * z.item()
    assert alone.imitation(SAID, BATCH).item() == pytest.approx(wanted)
    assert alone.loss(SAID, BATCH).item() == pytest.approx(0.5 * wanted)
    assert alone.score(SAID, BATCH) == pytest.approx(-wanted)
    two = lesson(taught(0.75), taught(0.5), hard=0.0)
    assert two.imitation(SAID, BATCH).item() == pytest.approx(1.25 * wanted)


def test_labels_count_only_where_the_loss_has_a_hard_part() -> None:
    labels = Objective("regression", "y")
    own = labels.loss(SAID, BATCH).item()
    assert own > 0
    soft = lesson(taught(1.0), hard=0.0, objective=labels)
    both = lesson(taught(1.0), hard=0.5, objective=labels)
    assert soft.reads_labels
    assert (both.loss(SAID, BATCH) - soft.loss(SAID, BATCH)).item() == pytest.approx(0.5 * own)
    assert (
        soft.loss(SAID, BATCH).item() == lesson(taught(1.0), hard=0.5).loss(SAID, BATCH).item()
    )
    assert both.score(SAID, BATCH) == labels.score(SAID, BATCH)


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
