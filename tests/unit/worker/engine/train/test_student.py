"""Another network in the model's place, taught by train.distill."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import onnx
import pytest

from lathe import ids
from lathe.errors import StepImpossible
from lathe.techniques.train import Adam, Distill, DistillLoss, LogitsLoss, Teacher
from tests.unit.worker.engine.train.two_heads import Shifted, two_heads, two_labels
from worker.engine.checkpoint import Checkpoint, Trait
from worker.engine.context import Context
from worker.engine.graph.io_spec import io_spec
from worker.engine.session import open_session, run
from worker.engine.train.distill import distill
from worker.engine.train.student import in_place_of

Build = Callable[..., onnx.ModelProto]
STUDENT = ids.new("mdl")
SOFT = DistillLoss(hard=0, logits=LogitsLoss(weight=1, temperature=2))


def spec(**changes: object) -> Distill:
    usual = {"epochs": 4, "batch_size": 32, "optimizer": Adam(lr=0.05), "loss": SOFT}
    return Distill.model_validate(usual | {"student": STUDENT} | changes)


def answers(model: onnx.ModelProto, context: Context) -> np.ndarray:
    assert context.train is not None
    return np.asarray(run(open_session(model), context.train.inputs(np.arange(200)))["y"])


def test_a_smaller_network_takes_the_place_of_its_teacher(net: Build, context: Context) -> None:
    model, student = net(hidden=9, seed=8), net(hidden=4, seed=3)
    around = replace(context, teachers={"baseline": model, STUDENT: student})
    outcome = distill(Checkpoint(model), spec(), around)
    said, wanted = answers(outcome.checkpoint.model, around), answers(model, around)
    before = answers(student, around)
    assert (
        np.mean(said.argmax(1) == wanted.argmax(1))
        > 0.9
        > np.mean(before.argmax(1) == wanted.argmax(1))
    )
    assert outcome.facts["student"] == STUDENT
    # 9 * 2 + 9 + 3 * 9 + 3 and 4 * 2 + 4 + 3 * 4 + 3
    assert outcome.facts["parameters_of_the_model"] == 57
    assert outcome.facts["parameters_of_the_student"] == 27
    assert student == net(hidden=4, seed=3)


def test_nothing_of_the_model_is_carried_over_but_the_order_of_its_doors() -> None:
    model, student = two_heads(6, 1), two_heads(2, 2, turned=True)
    placed = in_place_of(model, student)
    assert placed.traits == {}
    assert io_spec(placed.model) == io_spec(model) != io_spec(student)
    assert list(placed.model.graph.initializer) == list(student.graph.initializer)


def test_it_learns_outputs_that_the_task_does_not_name(context: Context) -> None:
    model, student = two_heads(6, 1), two_heads(2, 2)
    around = two_labels(context)
    assert isinstance(around.train, Shifted)
    around = replace(
        around,
        train=replace(around.train, y=None),
        teachers={"baseline": model, STUDENT: student},
    )
    made = distill(Checkpoint(model), spec(epochs=8), around).checkpoint.model
    fed = around.train.inputs(np.arange(200))
    wanted, before, after = (run(open_session(one), fed)["z"] for one in (model, student, made))
    assert np.square(after - wanted).mean() < 0.3 * np.square(before - wanted).mean()


def test_traits_of_the_model_that_it_replaces_are_gone(net: Build, context: Context) -> None:
    around = replace(context, teachers={"baseline": net(), STUDENT: net(hidden=4, seed=3)})
    outcome = distill(Checkpoint(net(), {"a": Trait(sparse=True)}), spec(epochs=1), around)
    assert outcome.checkpoint.traits == {}


def test_a_network_that_cannot_be_trained_is_refused_by_name(
    net: Build, context: Context
) -> None:
    student = net("Erf", seed=3)
    student.graph.node[-1].op_type = "Det"
    around = replace(context, teachers={"baseline": net(), STUDENT: student})
    with pytest.raises(StepImpossible, match="Det"):
        distill(Checkpoint(net()), spec(epochs=1), around)


@pytest.mark.parametrize("ends", [("Softmax",), ()])
def test_probabilities_are_not_taught_to_logits_nor_the_other_way_round(
    ends: tuple[str, ...], net: Build, context: Context
) -> None:
    other = () if ends else ("Softmax",)
    around = replace(context, teachers={"baseline": net(*ends), STUDENT: net(*other, seed=3)})
    with pytest.raises(StepImpossible, match="'y' with") as refused:
        distill(Checkpoint(net(*ends)), spec(epochs=1), around)
    said = "probabilities, what it teaches with logits"
    assert (said in str(refused.value)) == bool(ends)


def test_a_teacher_whose_answers_have_another_shape_is_refused_before_training(
    net: Build, context: Context
) -> None:
    around = replace(context, teachers={"baseline": net(), STUDENT: net(classes=4, seed=3)})
    with pytest.raises(
        StepImpossible, match=r"gives 'y' the shape \(2, 3\), the model \(2, 4\)"
    ):
        distill(Checkpoint(net()), spec(teachers=(Teacher(),)), around)
