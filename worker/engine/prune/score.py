"""Scores of every unit under the criterion that a spec names."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

import numpy as np

from lathe.errors import StepImpossible
from lathe.techniques.prune import PruneChannels
from worker.engine.context import Context, Samples
from worker.engine.pace import Pace
from worker.engine.prune.coupling import Group
from worker.engine.prune.importance import Scores, Taylor, magnitude
from worker.engine.train.batches import batches
from worker.engine.train.objective import Objective
from worker.engine.view import TorchView

BATCH = 32  # examples whose gradients are added up before |w dL/dw| is taken


@dataclass(frozen=True, slots=True)
class Labelled:
    """What taylor looks at: the task's loss on these rows of the train split."""

    objective: Objective
    samples: Samples
    rows: np.ndarray[tuple[int], np.dtype[np.int64]]

    @classmethod
    def of(cls, objective: Objective, spec: PruneChannels, context: Context) -> "Labelled":
        """A seeded choice of `spec.samples` rows, or all; StepImpossible without labels."""
        samples = context.train
        if samples is None or samples.count == 0:
            raise StepImpossible("the criterion taylor needs data.train", param="data.train")
        if objective.reads_labels and not samples.has_labels:
            raise StepImpossible("the train split has no labels", param="data.train")
        drawn = np.random.default_rng(context.seed).permutation(samples.count)
        return cls(objective, samples, np.sort(drawn[: spec.samples]).astype(np.int64))


def scores(
    view: TorchView,
    groups: Sequence[Group],
    spec: PruneChannels,
    labelled: Labelled | None,
    context: Context,
    pace: Pace,
) -> Scores:
    """One array (units,) a group; `labelled` is there when the criterion is taylor."""
    match spec.criterion:
        case "l1":
            return magnitude(view.module, groups, 1)
        case "l2":
            return magnitude(view.module, groups, 2)
        case "taylor":
            if labelled is None:
                raise StepImpossible("the criterion taylor needs data.train")
            return _taylor(view, groups, labelled, context, pace)
        case _:
            assert_never(spec.criterion)


def _taylor(
    view: TorchView,
    groups: Sequence[Group],
    labelled: Labelled,
    context: Context,
    pace: Pace,
) -> Scores:
    view.module.to(context.device)
    taylor = Taylor(view.module, groups)
    reads = labelled.objective.reads_labels
    for batch in batches(labelled.samples, labelled.rows, BATCH, context.device, labels=reads):
        taylor.add(labelled.objective.loss(view.forward(batch.inputs), batch))
        pace.add(batch.examples)
    view.module.zero_grad(set_to_none=True)
    view.module.to("cpu")
    return taylor.scores()
