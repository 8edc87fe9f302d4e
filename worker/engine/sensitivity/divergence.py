"""How far a changed net's answers are from the original's, in one number that has no steps.

    classification   mean_n sum_c p_nc (log p_nc - log q_nc),  p = softmax(y),  q = softmax(y')
    else             sum (y - y')^2 / sum (y - mean_n y)^2

    y, y'  (n, ...)  outputs of the original and of the changed net; of probabilities, their
                     logarithm. Every position of a dense output counts as one example.

Kullback and Leibler, "On Information and Sufficiency", 1951. A score moves only where an answer
tips over; this moves before.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import onnx
from numpy.typing import NDArray

from lathe.task import Task
from worker.engine.context import Samples
from worker.engine.measure.answers import all_answers
from worker.engine.measure.metrics import relative_error

Doubles = NDArray[np.float64]

IMAGE_RANK = 4  # (n, classes, height, width); of other outputs the classes are the last axis
SMALLEST_PROBABILITY = 1e-12
SUMS_TO_ONE = 1e-3


@dataclass(frozen=True, slots=True)
class Divergence:
    """From `said` (n, ...), the original's answers to `samples`."""

    samples: Samples
    output: str
    said: Doubles
    by_probability: bool
    threads: int

    @classmethod
    def of_original(
        cls, model: onnx.ModelProto, samples: Samples, task: Task, threads: int
    ) -> Self:
        """Runs the model once."""
        output = task.output or model.graph.output[0].name
        said = all_answers(model, samples, output, threads)
        chooses = task.kind == "classification" and said.ndim > 1
        by_probability = chooses and said.shape[_class_axis(said)] > 1
        return cls(samples, output, said, by_probability, threads)

    @property
    def name(self) -> str:
        """What is measured."""
        return "KL divergence" if self.by_probability else "relative squared error"

    def of(self, model: onnx.ModelProto) -> float:
        """Of a changed net; 0 where it answers the same, infinite where it answers NaN."""
        said = all_answers(model, self.samples, self.output, self.threads)
        if not np.isfinite(said).all():
            return float("inf")
        measured = kl_divergence if self.by_probability else relative_error
        return measured(self.said, said)


def kl_divergence(original: Doubles, changed: Doubles) -> float:
    """Mean over examples and positions; logits or probabilities of one shape."""
    axis = _class_axis(original)
    p, q = (_log_probabilities(y, axis) for y in (original, changed))
    return float((np.exp(p) * (p - q)).sum(axis=axis).mean())


def _log_probabilities(y: Doubles, axis: int) -> Doubles:
    if y.min() >= 0 and np.allclose(y.sum(axis=axis), 1, atol=SUMS_TO_ONE):
        y = np.log(np.maximum(y, SMALLEST_PROBABILITY))
    y = y - y.max(axis=axis, keepdims=True)
    return np.asarray(y - np.log(np.exp(y).sum(axis=axis, keepdims=True)))


def _class_axis(y: Doubles) -> int:
    return 1 if y.ndim >= IMAGE_RANK else y.ndim - 1
