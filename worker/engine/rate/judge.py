"""The held-out score of a model that is not being trained."""

from collections.abc import Mapping

import torch

from worker.engine.context import Context, Samples
from worker.engine.train.batches import Rows, batches
from worker.engine.train.imitation import Imitation
from worker.engine.train.teachers import Teacher
from worker.engine.view import TorchView

TOGETHER = 256

Outputs = Mapping[str, torch.Tensor]


def held_out_score(
    asked: TorchView | Teacher,
    lesson: Imitation,
    samples: Samples,
    rows: Rows,
    context: Context,
) -> float:
    """The lesson's score of a view, or of a teacher, on `rows`; higher is better."""
    if isinstance(asked, Teacher):
        lesson.prepare(rows, _nothing)
    else:
        asked.module.to(context.device).eval()
    score = 0.0
    with torch.no_grad():
        for batch in batches(
            samples, rows, TOGETHER, context.device, labels=lesson.reads_labels
        ):
            outputs = (
                asked.says(batch) if isinstance(asked, Teacher) else asked.forward(batch.inputs)
            )
            score += lesson.score(outputs, batch) * batch.examples / len(rows)
    return score


def _nothing() -> None:
    """Nobody listens."""
