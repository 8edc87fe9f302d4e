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
from worker.engine.losses import logits_of
from worker.engine.rate.fisher import drawn_class, drawn_noise, fisher
from worker.engine.train.batches import Rows, batches
from worker.engine.train.imitation import Imitation, unlabelled_class_axis
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
    """Diagonal Fisher information of `parameters` on `rows`, the mean over the lesson's
    outputs: of drawn classes, or of the mean squared error where it does not classify."""
    generator = torch.Generator(context.device).manual_seed(context.seed)
    view.module.to(context.device).eval()
    hard, soft = lesson.hard, lesson.soft.weight if lesson.teachers else 0.0
    total = [torch.zeros_like(parameter) for parameter in parameters]
    for name in lesson.outputs:

        def likelihood(output: torch.Tensor) -> torch.Tensor:
            if not lesson.classifies:
                return math.sqrt(hard + soft) * drawn_noise(output, generator)
            logits = logits_of(output, probabilities=lesson.probabilities)
            axis = unlabelled_class_axis(output)
            parts = [
                math.sqrt(share) * drawn_class(logits, axis, generator, temperature)
                for share, temperature in ((hard, 1.0), (soft, lesson.soft.temperature))
                if share
            ]
            return torch.stack(parts).sum()

        found = fisher(parameters, _outputs(view, name, samples, rows, context), likelihood)
        total = [so_far + one for so_far, one in zip(total, found, strict=True)]
    return [one / len(lesson.outputs) for one in total]


def some(rows: Rows, most: int, seed: int) -> Rows:
    """At most `most` of `rows`, drawn with `seed`."""
    return np.random.default_rng(seed).permutation(rows)[:most]


def _outputs(
    view: TorchView, name: str, samples: Samples, rows: Rows, context: Context
) -> Iterator[torch.Tensor]:
    for batch in batches(samples, rows, TOGETHER, context.device, labels=False):
        yield view.forward(batch.inputs)[name]
