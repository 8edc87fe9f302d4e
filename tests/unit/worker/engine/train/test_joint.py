"""Several tasks of one network, trained on the weighted sum of their losses."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
import torch

from lathe.errors import StepImpossible
from lathe.task import FurtherTask, Task
from lathe.techniques.train import Adam, Distill, DistillLoss, LogitsLoss, Recover, Sgd
from tests.unit.worker.engine.train.two_heads import Shifted, two_heads, two_labels
from worker.engine.checkpoint import Checkpoint
from worker.engine.context import Context
from worker.engine.graph.initializers import initializers
from worker.engine.onnx_file.array import array
from worker.engine.session import open_session, run
from worker.engine.train.batches import Batch
from worker.engine.train.course import course
from worker.engine.train.joint import Joint, Part, has_every_label, task_lesson
from worker.engine.train.objective import Objective
from worker.engine.train.recover import recover

TILT = FurtherTask(kind="regression", name="tilt", output="z", weight=0.4)
BOTH = Task(kind="classification", also=(TILT,))
RECOVER = Recover(epochs=5, batch_size=32, optimizer=Adam(lr=0.05))


@pytest.fixture
def both(context: Context) -> Context:
    return replace(two_labels(context), task=BOTH)


def test_loss_and_score_are_the_weighted_sum_and_mean_worked_by_hand() -> None:
    targets = np.array([[9.0], [2.0], [1.0]], np.float32)
    blank = np.zeros((3, 1), np.float32)
    part = Part(Objective("regression", "z"), 0.4, Shifted(blank, targets, shift=blank))
    lesson = Joint(Objective("logits", "y"), (part,))
    # row 5 is a changed copy of row 2: targets 1 and 2, squared errors 4 and 1, mean 2.5
    batch = Batch(np.array([5, 1]), {"x": torch.zeros(2, 1)}, labels=torch.tensor([0, 1]))
    outputs = {"y": torch.zeros(2, 2), "z": torch.tensor([[3.0], [1.0]])}
    assert lesson.loss(outputs, batch).item() == pytest.approx(np.log(2) + 0.4 * 2.5)
    # of two equal scores the first counts as the answer: one of two is right
    assert lesson.score(outputs, batch) == pytest.approx((0.5 - 0.4 * 2.5) / 1.4)
    assert lesson.loss_name == "1 cross_entropy(y) + 0.4 mean_squared_error(z)"


def test_both_answers_get_better_and_a_task_of_its_own_leaves_the_other_head(
    both: Context,
) -> None:
    net = two_heads(6, 3)
    labels, targets = both.train, both.train_of["tilt"]
    assert isinstance(labels, Shifted)
    assert isinstance(targets, Shifted)

    def scores(model: onnx.ModelProto) -> tuple[float, float]:
        said = run(open_session(model), labels.inputs(np.arange(200)))
        right = float(np.mean(said["y"].argmax(axis=1) == labels.y))
        return right, float(np.square(said["z"] - targets.y).mean())

    joint = recover(Checkpoint(net), RECOVER, both).checkpoint.model
    (right, error), (before, error_before) = scores(joint), scores(net)
    assert right > before + 0.1
    assert error < 0.5 * error_before
    one = replace(both, task=Task(kind="classification"), train_of={})
    alone = recover(Checkpoint(net), RECOVER, one).checkpoint.model
    head, untouched = (array(initializers(model)["c"]) for model in (joint, alone))
    assert np.array_equal(untouched, array(initializers(net)["c"]))
    assert not np.array_equal(head, untouched)


def test_a_heavier_task_is_learnt_better(both: Context) -> None:
    errors = []
    for weight in (0.01, 2.0):
        task = Task(kind="classification", also=(TILT.model_copy(update={"weight": weight}),))
        around = replace(both, task=task)
        spec = Recover(epochs=2, batch_size=32, optimizer=Sgd(lr=0.02, momentum=0))
        made = recover(Checkpoint(two_heads(6, 3)), spec, around).checkpoint.model
        targets = both.train_of["tilt"]
        said = run(open_session(made), targets.inputs(np.arange(200)))["z"]
        errors.append(np.square(said - targets.labels(np.arange(200))).mean())
    assert errors[1] < 0.7 * errors[0]


def test_missing_labels_of_a_further_task_are_named(both: Context) -> None:
    tilt = both.train_of["tilt"]
    assert isinstance(tilt, Shifted)
    bare = replace(both, train_of={"tilt": replace(tilt, y=None)})
    assert has_every_label(both)
    assert not has_every_label(bare)
    with pytest.raises(StepImpossible, match="no labels for the task 'tilt': no array label/z"):
        task_lesson(bare, two_heads(6, 3))
    alone = Distill(loss=DistillLoss(hard=0, logits=LogitsLoss(weight=1)))
    around = replace(bare, teachers={"baseline": two_heads(6, 1)})
    assert course(Checkpoint(two_heads(6, 3)), alone, around).lesson.objective is None


def test_a_task_alone_and_one_that_needs_no_labels_lack_none(both: Context) -> None:
    alone = replace(both, task=Task(kind="classification"), train_of={})
    assert isinstance(task_lesson(alone, two_heads(6, 3)), Objective)
    assert has_every_label(alone)
    assert has_every_label(replace(alone, task=None))
    again = TILT.model_copy(update={"kind": "reconstruction"})
    assert has_every_label(replace(alone, task=BOTH.model_copy(update={"also": (again,)})))


def test_teachers_are_imitated_on_every_output_as_its_task_weighs(both: Context) -> None:
    teacher = two_heads(6, 1)
    around = replace(both, teachers={"baseline": teacher})
    taught = course(Checkpoint(two_heads(6, 3)), Distill(), around)
    assert [(one.output, one.weight, one.form) for one in taught.lesson.imitated] == [
        ("y", 1.0, "logits"),
        ("z", 0.4, "values"),
    ]
    assert taught.facts["soft_loss"] == "mean_squared_error + kullback_leibler"
    rows = np.arange(2)
    assert both.train is not None
    fed = both.train.inputs(rows)
    said = run(open_session(teacher), fed)
    batch = Batch(rows, {k: torch.from_numpy(v) for k, v in fed.items()}, None)
    # the same classes as the teacher, and 0.5 and 1.5 beside its values: (0.25 + 2.25) / 2
    outputs = {
        "y": torch.from_numpy(said["y"]),
        "z": torch.from_numpy(said["z"] + np.array([[0.5], [1.5]], np.float32)),
    }
    assert taught.lesson.imitation(outputs, batch).item() == pytest.approx(0.4 * 1.25, rel=1e-4)
