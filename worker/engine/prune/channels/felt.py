"""How far the model's answers move when units of one group go and their readers make it good.

With D(k) the divergence (sensitivity/divergence.py) of the net in which only the k cheapest
units of a group are gone, and k_1 < k_2 < ... the numbers of units after which it is looked at,

    rise_i = max(0, D(k_i) - D(k_(i-1))) / (k_i - k_(i-1)),    D(0) = 0
    score of a unit = max(rise_1, ..., rise_i)^1/2  where it is one of the i-th part

ZipLM (arXiv:2302.04089, section 3.2) looks at layers one at a time too and searches for how to
weigh them; a root alone does here what that search is for (docs/decisions/0026).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import onnx
from onnx import numpy_helper

from worker.engine.checkpoint import Checkpoint
from worker.engine.context import Context
from worker.engine.graph.initializers import initializers
from worker.engine.judge import BY_ANSWER, Some
from worker.engine.layerwise.moments import Doubles
from worker.engine.layerwise.site import Floats
from worker.engine.prune.layer_by_layer import examples_of
from worker.engine.sensitivity.divergence import Divergence

EXAMPLES = 256
LOOKS = 16  # at a group, at most
LEAST = 1e-12  # of a rise, so that scores keep the order
APART = 1e-9  # of a score, between units that go together
ROOT = 0.5


@dataclass
class Felt:
    """By a private copy of the checkpoint's model: weights are changed in it and put back."""

    model: onnx.ModelProto
    divergence: Divergence
    tensors: dict[str, onnx.TensorProto] = field(init=False)

    def __post_init__(self) -> None:
        self.tensors = initializers(self.model)

    @classmethod
    def by(cls, checkpoint: Checkpoint, context: Context) -> "Felt":
        """On the first of the examples that layers are looked at with. Raises StepImpossible
        without any."""
        samples, rows = examples_of(context)
        some = Some(samples, np.sort(rows[:EXAMPLES]))
        task = context.task or BY_ANSWER
        found = Divergence.of_original(checkpoint.model, some, task, context.threads)
        return cls(checkpoint.private(), found)

    def loss_with(self, weights: Mapping[str, Floats]) -> float:
        """The divergence with other values in these weights."""
        before = {name: onnx.TensorProto() for name in weights}
        for name, value in weights.items():
            before[name].CopyFrom(self.tensors[name])
            self.tensors[name].CopyFrom(numpy_helper.from_array(value, name))
        found = self.divergence.of(self.model)
        for name, tensor in before.items():
            self.tensors[name].CopyFrom(tensor)
        return found


def counts_left(units: int, round_to: int) -> set[int]:
    """How many units are left when it is looked at: multiples of `round_to` down to itself, at
    most LOOKS + 1 of them; none where so few cannot go."""
    counts = list(range((units - 1) // round_to * round_to, 0, -round_to))
    every = -(-len(counts) // LOOKS)
    return {*counts[every - 1 :: every], *counts[-1:]} if counts else set()


def scores_of(falling: Iterable[tuple[int, float | None]], units: int) -> Doubles:
    """Of each unit, (units,), from the units in the order in which they go, each with D where
    it is looked at: never smaller than that of a unit that goes before."""
    scores = np.full(units, np.inf)
    part: list[int] = []
    rise, before, gone = LEAST, 0.0, 0
    for unit, loss in falling:
        part.append(unit)
        if loss is None:
            continue
        rise = max(rise, (loss - before) / len(part))
        places = gone + np.arange(len(part))
        scores[part] = rise**ROOT * (1 + APART * places)
        before, gone, part = loss, gone + len(part), []
    return scores
