"""What a task asks of a model's output, as a loss to lower and a score to raise."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, assert_never

import onnx
import torch

from lathe.errors import DataMismatch, StepImpossible
from lathe.facts import IoSpec
from lathe.task import OneTask
from worker.engine.graph.uses import producers
from worker.engine.losses import cross_entropy, logits_of, squared_error
from worker.engine.train.batches import Batch, Rows

Outputs = Mapping[str, torch.Tensor]
Form = Literal["logits", "log_probabilities", "probabilities", "regression", "reconstruction"]
SEEN_THROUGH = {"Identity", "Cast", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Transpose"}


@dataclass(frozen=True, slots=True)
class Objective:
    """The task's own loss on one output. `source` is the input a reconstruction repeats."""

    form: Form
    output: str
    source: str | None = None

    @property
    def reads_labels(self) -> bool:
        """Whether the split must be labelled."""
        return self.form != "reconstruction"

    @property
    def loss_name(self) -> str:
        """The loss, for the report."""
        match self.form:
            case "logits" | "log_probabilities":
                return "cross_entropy"
            case "probabilities":
                return "negative_log_of_softmax_output"
            case "regression":
                return "mean_squared_error"
            case "reconstruction":
                return "mean_squared_error_to_input"
            case _:
                assert_never(self.form)

    def prepare(self, rows: Rows, tick: Callable[[], None]) -> None:
        """Nothing: labels come with their examples."""

    def loss(self, outputs: Outputs, batch: Batch) -> torch.Tensor:
        """Mean loss of a batch, a scalar with a gradient."""
        output = outputs[self.output]
        if self.form in ("regression", "reconstruction"):
            return squared_error(output, self._target(output, batch))
        labels, axis = self._labels(output, batch)
        logits = logits_of(output, probabilities=self.form == "probabilities")
        return cross_entropy(logits, labels, axis)

    def score(self, outputs: Outputs, batch: Batch) -> float:
        """Higher is better: accuracy of a classification, else minus the squared error."""
        output = outputs[self.output]
        if self.form in ("regression", "reconstruction"):
            return -squared_error(output, self._target(output, batch)).item()
        labels, axis = self._labels(output, batch)
        return (output.argmax(dim=axis) == labels).double().mean().item()

    def _labels(self, output: torch.Tensor, batch: Batch) -> tuple[torch.Tensor, int]:
        """Class numbers, one axis fewer than `output`, and that axis."""
        if batch.labels is None:
            raise StepImpossible("the train split has no labels", param="data.train")
        labels = batch.labels.long()
        axis = class_axis(output, labels)
        lowest, highest = labels.min().item(), labels.max().item()
        if lowest < 0 or highest >= output.shape[axis]:
            raise DataMismatch(
                f"labels run from {lowest} to {highest}, the output {self.output!r} has "
                f"{output.shape[axis]} classes",
                param="data.train",
            )
        return labels, axis

    def _target(self, output: torch.Tensor, batch: Batch) -> torch.Tensor:
        if self.source is not None:
            return batch.inputs[self.source]
        if batch.labels is None:
            raise StepImpossible("the train split has no labels", param="data.train")
        if batch.labels.numel() != output.numel():
            raise DataMismatch(
                f"labels {tuple(batch.labels.shape)} do not fit the output {self.output!r} "
                f"{tuple(output.shape)}",
                param="data.train",
            )
        return batch.labels.to(output.dtype).reshape(output.shape)


def objective(task: OneTask | None, io: IoSpec, model: onnx.ModelProto) -> Objective:
    """The objective of `task` on `model`.

    Raises StepImpossible where the task names none that can be trained on: no task, kind
    "none", kind "similarity" (its pairs need a loss over two passes), a final Sigmoid.
    """
    if task is None or task.kind == "none":
        raise StepImpossible(
            "there is no task to train for; set `task`, or use train.distill with loss.hard 0",
            param="task",
        )
    output = task.output or io.outputs[0].name
    match task.kind:
        case "classification":
            return Objective(_classifier_form(model, output), output)
        case "regression":
            return Objective("regression", output)
        case "reconstruction":
            return Objective("reconstruction", output, _source(io, output))
        case "similarity":
            raise StepImpossible(
                "a similarity task cannot be trained on: its examples are pairs, and training "
                "on pairs is not offered; leave the training step out",
                param="task.kind",
            )
        case _:
            assert_never(task.kind)


def class_axis(output: torch.Tensor, labels: torch.Tensor) -> int:
    """The axis of `output` that `labels` lacks: 1 for (N, C) and (N, C, ...), or the last.

    Raises DataMismatch where neither fits.
    """
    for axis in (1, output.dim() - 1):
        if output.dim() > 1 and labels.shape == output.shape[:axis] + output.shape[axis + 1 :]:
            return axis
    raise DataMismatch(
        f"class labels {tuple(labels.shape)} do not fit an output {tuple(output.shape)}",
        param="data.train",
    )


def _classifier_form(model: onnx.ModelProto, output: str) -> Form:
    made_by = producers(model.graph)
    node = made_by.get(output)
    while node is not None and node.op_type in SEEN_THROUGH:
        node = made_by.get(node.input[0])
    match node.op_type if node is not None else "":
        case "Softmax":
            return "probabilities"
        case "LogSoftmax":
            return "log_probabilities"
        case "Sigmoid":
            raise StepImpossible(
                f"the output {output!r} ends in Sigmoid; training a classification needs "
                "logits or a Softmax",
                param="task.output",
            )
        case _:
            return "logits"


def _source(io: IoSpec, output: str) -> str:
    wanted = next((tensor for tensor in io.outputs if tensor.name == output), None)
    for tensor in io.inputs:
        if wanted is not None and tensor.shape[1:] == wanted.shape[1:]:
            return tensor.name
    raise StepImpossible(
        f"no input has the shape of the output {output!r}, so there is nothing to reconstruct",
        param="task.output",
    )
