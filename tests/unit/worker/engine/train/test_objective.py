"""What a task asks of an output."""

from collections.abc import Callable

import numpy as np
import onnx
import pytest
import torch

from lathe.errors import DataMismatch, StepImpossible
from lathe.facts import IoSpec, TensorSpec
from lathe.task import Task
from worker.engine.graph.io_spec import io_spec
from worker.engine.train.batches import Batch
from worker.engine.train.objective import Objective, class_axis, objective

Build = Callable[..., onnx.ModelProto]


def batch(labels: torch.Tensor | None, **inputs: torch.Tensor) -> Batch:
    return Batch(rows=np.arange(2), inputs=inputs, labels=labels)


@pytest.mark.parametrize(
    ("ops", "form"),
    [
        ((), "logits"),
        (("Softmax",), "probabilities"),
        (("Softmax", "Identity"), "probabilities"),
        (("LogSoftmax",), "log_probabilities"),
        (("Tanh",), "logits"),
    ],
)
def test_the_last_operator_says_what_the_output_holds(
    net: Build, ops: tuple[str, ...], form: str
) -> None:
    model = net(*ops)
    assert objective(Task(kind="classification"), io_spec(model), model).form == form


def test_a_softmax_output_is_trained_on_its_logarithm_not_through_a_second_softmax() -> None:
    output = torch.tensor([[0.2, 0.8], [0.5, 0.5]])
    asked = Objective("probabilities", "y")
    loss = asked.loss({"y": output}, batch(torch.tensor([1, 0])))
    assert loss.item() == pytest.approx(-(np.log(0.8) + np.log(0.5)) / 2)


def test_the_score_of_a_classification_is_its_accuracy() -> None:
    output = torch.tensor([[1.0, 2.0, 0.0], [3.0, 2.0, 1.0], [0.0, 1.0, 5.0]])
    score = Objective("logits", "y").score({"y": output}, batch(torch.tensor([1, 2, 2])))
    assert score == pytest.approx(2 / 3)


def test_regression_accepts_flat_labels_for_a_column_and_scores_minus_the_error() -> None:
    output, labels = torch.tensor([[1.0], [5.0]]), torch.tensor([2.0, 3.0])
    asked = Objective("regression", "y")
    assert asked.loss({"y": output}, batch(labels)).item() == pytest.approx((1 + 4) / 2)
    assert asked.score({"y": output}, batch(labels)) == pytest.approx(-2.5)
    with pytest.raises(DataMismatch, match="do not fit"):
        asked.loss({"y": output}, batch(torch.tensor([2.0])))


def test_reconstruction_compares_with_the_input_of_that_shape() -> None:
    door = TensorSpec(name="image", dtype="float32", shape=("n", 3))
    other = TensorSpec(name="size", dtype="float32", shape=("n", 1))
    out = TensorSpec(name="y", dtype="float32", shape=("n", 3))
    io = IoSpec(inputs=(other, door), outputs=(out,))
    asked = objective(Task(kind="reconstruction"), io, onnx.ModelProto())
    assert not asked.reads_labels
    image = torch.tensor([[1.0, 2.0, 3.0]])
    loss = asked.loss({"y": image + 2}, batch(None, image=image, size=torch.ones(1, 1)))
    assert loss.item() == pytest.approx(4.0)


@pytest.mark.parametrize(
    ("task", "words"),
    [(None, "no task"), (Task(kind="none"), "no task"), (Task(kind="similarity"), "pairs")],
)
def test_what_cannot_be_trained_for_is_refused_with_the_reason(
    net: Build, task: Task | None, words: str
) -> None:
    with pytest.raises(StepImpossible, match=words):
        objective(task, io_spec(net()), net())
    with pytest.raises(StepImpossible, match="Sigmoid"):
        objective(Task(kind="classification"), io_spec(net()), net("Sigmoid"))


def test_labels_show_the_axis_of_the_classes() -> None:
    assert class_axis(torch.zeros(4, 7), torch.zeros(4)) == 1
    assert class_axis(torch.zeros(4, 7, 5, 6), torch.zeros(4, 5, 6)) == 1
    assert class_axis(torch.zeros(4, 9, 7), torch.zeros(4, 9)) == 2
    with pytest.raises(DataMismatch):
        class_axis(torch.zeros(4, 7), torch.zeros(4, 1))


def test_a_label_outside_the_classes_is_named() -> None:
    with pytest.raises(DataMismatch, match="run from 0 to 3, the output 'y' has 3 classes"):
        Objective("logits", "y").loss({"y": torch.zeros(2, 3)}, batch(torch.tensor([0, 3])))
