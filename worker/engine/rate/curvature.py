"""How much every weight of a model on its grid matters, from examples of the train split."""

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
    """Diagonal Fisher information of `parameters` on `rows`, summed over the lesson's outputs.

    A classification's classes are drawn from its own softmax; any other output's curvature is
    that of the mean squared error.
    """
    generator = torch.Generator(context.device).manual_seed(context.seed)
    view.module.to(context.device).eval()
    total = [torch.zeros_like(parameter) for parameter in parameters]
    for name in lesson.outputs:

        def likelihood(output: torch.Tensor) -> torch.Tensor:
            if not lesson.classifies:
                return drawn_noise(output, generator)
            logits = logits_of(output, probabilities=lesson.probabilities)
            return drawn_class(logits, unlabelled_class_axis(output), generator)

        found = fisher(parameters, _outputs(view, name, samples, rows, context), likelihood)
        total = [so_far + one for so_far, one in zip(total, found, strict=True)]
    return total


def some(rows: Rows, most: int, seed: int) -> Rows:
    """At most `most` of `rows`, drawn with `seed`."""
    return np.random.default_rng(seed).permutation(rows)[:most]


def _outputs(
    view: TorchView, name: str, samples: Samples, rows: Rows, context: Context
) -> Iterator[torch.Tensor]:
    for batch in batches(samples, rows, TOGETHER, context.device, labels=False):
        yield view.forward(batch.inputs)[name]
