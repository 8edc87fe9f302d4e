"""train.distill from checkpoint to checkpoint."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import onnx
import pytest
import torch

from lathe.errors import StepImpossible
from lathe.task import Task
from lathe.techniques.train import Adam, Distill, DistillLoss, LogitsLoss, Recover, Teacher
from worker.engine.checkpoint import Checkpoint
from worker.engine.context import Context
from worker.engine.session import open_session, run
from worker.engine.train import teachers
from worker.engine.train.batches import Batch
from worker.engine.train.distill import distill
from worker.engine.train.imitation import Imitated, Imitation, unlabelled_class_axis
from worker.engine.train.objective import Objective
from worker.engine.train.recover import recover

Build = Callable[..., onnx.ModelProto]
SOFT_ONLY = DistillLoss(hard=0, logits=LogitsLoss(weight=1, temperature=2))
OTHER = "mdl_01k3b8e0q0f3zv3x5m8b2k7y9d"


def spec(**changes: object) -> Distill:
    usual = {"epochs": 6, "batch_size": 32, "optimizer": Adam(lr=0.05), "loss": SOFT_ONLY}
    return Distill.model_validate(usual | changes)


def answers(model: onnx.ModelProto, context: Context) -> np.ndarray:
    assert context.train is not None
    said = run(open_session(model), context.train.inputs(np.arange(200)))["y"]
    return np.asarray(said)


@pytest.fixture
def taught(net: Build, context: Context) -> Context:
    """The teacher knows the task; the data has no labels."""
    knows = recover(
        Checkpoint(net(seed=8)),
        Recover(epochs=6, batch_size=32, optimizer=Adam(lr=0.05)),
        context,
    )
    return replace(
        context,
        teachers={"baseline": knows.checkpoint.model},
        train=replace(context.train, y=None),
    )


def test_a_student_learns_from_the_teacher_alone(net: Build, taught: Context) -> None:
    outcome = distill(Checkpoint(net()), spec(), taught)
    teacher = answers(taught.teachers["baseline"], taught).argmax(1)
    before = answers(net(), taught).argmax(1)
    after = answers(outcome.checkpoint.model, taught).argmax(1)
    assert (after == teacher).mean() > 0.95 > (before == teacher).mean()
    assert outcome.curve[-1][2] > outcome.curve[0][2]  # minus the distance to the teacher
    assert outcome.facts["soft_loss"] == "kullback_leibler"


def test_hard_labels_are_asked_for_only_where_they_weigh(net: Build, taught: Context) -> None:
    mixed = spec(loss=DistillLoss(hard=0.1))
    with pytest.raises(StepImpossible, match=r"hard is 0\.1, but there is no label"):
        distill(Checkpoint(net()), mixed, taught)
    with pytest.raises(StepImpossible, match="no task"):
        distill(Checkpoint(net()), mixed, replace(taught, task=None))


def test_the_loss_is_the_weighted_sum_worked_by_hand() -> None:
    # both teachers 2-class at T = 1: D = sum p (ln p - ln q), student q = (1/2, 1/2)
    rows = np.arange(1)
    batch = Batch(rows, {"x": torch.zeros(1, 1)}, labels=torch.tensor([0]))

    class Says:
        def __init__(self, share: float, p: float) -> None:
            self.share, self.p = share, p

        def says(self, _: Batch) -> dict[str, torch.Tensor]:
            return {"y": torch.tensor([[self.p, 1 - self.p]]).log()}

    lesson = Imitation(
        samples=None, objective=Objective("logits", "y"), hard=0.3,
        soft=LogitsLoss(weight=0.6, temperature=1),
        teachers=(Says(0.75, 0.9), Says(0.25, 0.2)),
        imitated=(Imitated("y", 1.0, "logits"),),
    )  # fmt: skip

    def kl(p: float) -> float:
        return float(p * np.log(p / 0.5) + (1 - p) * np.log((1 - p) / 0.5))

    by_hand = 0.3 * np.log(2) + 0.6 * (0.75 * kl(0.9) + 0.25 * kl(0.2))
    loss = lesson.loss({"y": torch.zeros(1, 2)}, batch)
    assert loss.item() == pytest.approx(by_hand, rel=1e-5)


def test_a_heavier_teacher_pulls_harder(net: Build, context: Context) -> None:
    around = replace(context, task=None, teachers={"baseline": net(seed=8), OTHER: net(seed=9)})
    pair = (Teacher(weight=9), Teacher(model=OTHER, weight=1))
    outcome = distill(Checkpoint(net()), spec(teachers=pair, epochs=20), around)
    said = answers(outcome.checkpoint.model, around)
    first, second = (answers(m, around) for m in around.teachers.values())
    assert np.square(said - first).mean() < np.square(said - second).mean()
    assert outcome.facts["soft_loss"] == "mean_squared_error"
    assert outcome.facts["teachers"] == 2


def test_each_example_is_asked_about_once_however_many_epochs(
    net: Build, taught: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    real = teachers.run

    def counting(session: object, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        asked.append(len(inputs["x"]))
        return real(session, inputs)

    monkeypatch.setattr(teachers, "run", counting)
    with_table = distill(Checkpoint(net()), spec(), taught)
    assert sum(asked) == 200 + 3 * 2  # three probes of two examples, then every row once
    monkeypatch.setattr(teachers, "TABLE_BYTES", 10)
    without = distill(Checkpoint(net()), spec(), taught)
    assert sum(asked) > 1000
    assert [row[2] for row in without.curve] == pytest.approx(
        [row[2] for row in with_table.curve], rel=1e-3
    )


def test_a_teacher_that_does_not_fit_is_refused_with_both_shapes(
    net: Build, context: Context
) -> None:
    around = replace(context, teachers={"baseline": net(classes=4)})
    with pytest.raises(StepImpossible, match=r"'y' the shape \(2, 4\), the model \(2, 3\)"):
        distill(Checkpoint(net()), spec(), around)
    renamed = net()
    renamed.graph.node[-1].output[0] = renamed.graph.output[0].name = "z"
    with pytest.raises(StepImpossible, match="no output 'y'; it has z"):
        distill(Checkpoint(net()), spec(), replace(context, teachers={"baseline": renamed}))
    fixed = net()
    fixed.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    with pytest.raises(StepImpossible, match="fixes the batch size"):
        distill(Checkpoint(net()), spec(), replace(context, teachers={"baseline": fixed}))


def test_pairs_are_refused(net: Build, context: Context) -> None:
    with pytest.raises(StepImpossible, match="pairs"):
        distill(Checkpoint(net()), spec(), replace(context, task=Task(kind="similarity")))


def test_without_labels_images_have_their_classes_on_axis_one() -> None:
    assert unlabelled_class_axis(torch.zeros(2, 7)) == 1
    assert unlabelled_class_axis(torch.zeros(2, 9, 7)) == 2
    assert unlabelled_class_axis(torch.zeros(2, 7, 5, 5)) == 1
