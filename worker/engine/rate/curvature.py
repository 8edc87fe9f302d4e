"""How much every weight of a model on its grid matters, from examples of the train split.

The curvature is that of the lesson's loss, hard L_task + weight D, with each part's answers
drawn independently, so that their squared gradients add up. Softened outputs matter: a net
that is sure of its training examples has next to no curvature at temperature 1.
"""

import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import nn

from worker.engine.context import Context, Samples
from worker.engine.rate.fisher import drawn_class, drawn_noise, fisher
from worker.engine.train.batches import Rows, batches
from worker.engine.train.imitation import Imitated, Imitation, unlabelled_class_axis
from worker.engine.view import TorchView

TOGETHER = 16  # examples whose gradients are added before they are squared


def curvature(
    view: TorchView,
    lesson: Imitation,
    parameters: Sequence[nn.Parameter],
    samples: Samples,
    rows: Rows,
    context: Context,
) -> list[torch.Tensor]:
    """Diagonal Fisher information of `parameters` on `rows`, the weighted sum over the lesson's
    outputs: of drawn classes, or of the mean squared error where one does not classify."""
    generator = torch.Generator(context.device).manual_seed(context.seed)
    view.module.to(context.device).eval()
    hard, soft = lesson.hard, lesson.soft.weight if lesson.teachers else 0.0
    total = [torch.zeros_like(parameter) for parameter in parameters]
    for one in lesson.imitated:

        def likelihood(output: torch.Tensor, one: Imitated = one) -> torch.Tensor:
            if not one.classifies:
                return math.sqrt(hard + soft) * drawn_noise(output, generator)
            logits = one.logits(output)
            axis = unlabelled_class_axis(output)
            parts = [
                math.sqrt(share) * drawn_class(logits, axis, generator, temperature)
                for share, temperature in ((hard, 1.0), (soft, lesson.soft.temperature))
                if share
            ]
            return torch.stack(parts).sum()

        outputs = _outputs(view, one.output, samples, rows, context)
        found = fisher(parameters, outputs, likelihood)
        total = [so_far + one.weight * its for so_far, its in zip(total, found, strict=True)]
    return total


def some(rows: Rows, most: int, seed: int) -> Rows:
    """At most `most` of `rows`, drawn with `seed`."""
    return np.random.default_rng(seed).permutation(rows)[:most]


def _outputs(
    view: TorchView, name: str, samples: Samples, rows: Rows, context: Context
) -> Iterator[torch.Tensor]:
    for batch in batches(samples, rows, TOGETHER, context.device, labels=False):
        yield view.forward(batch.inputs)[name]
