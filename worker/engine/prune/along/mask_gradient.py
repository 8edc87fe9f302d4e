"""How much the task's loss leans on each unit, as its derivative by a mask.

    gradient_u = mean_n |dL_n/dxi_u| / sqrt(sum over v of the same squared)

Michel, Levy and Neubig, "Are Sixteen Heads Really Better than One?", arXiv:1905.10650,
equation 3, normalised by layer as its section 4.1 does; L_n is the task's loss of example n.
xi_u is 1 and multiplies all that weights hear of unit u. They then give xi_u x_u W_u, so that
no mask has to be put in:

    dL/dxi_u = sum over W of <W_u, dL/dW_u>

over the weights W that hear the unit, all places and steps summed before the absolute value.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import nn

from worker.engine.context import Context
from worker.engine.graph.initializers import initializers
from worker.engine.hold.layout import laid_out
from worker.engine.pace import Pace
from worker.engine.prune.along.coupled import Coupled
from worker.engine.prune.coupling import ELSEWHERE
from worker.engine.prune.evidence import Labelled
from worker.engine.prune.importance import Scores
from worker.engine.threads import torch_threads
from worker.engine.train.batches import batches
from worker.engine.view import TorchView, torch_view

SCORED = 0.9  # fraction of the step when all gradients are taken


def mask_gradients(
    model: onnx.ModelProto, groups: Sequence[Coupled], shown: Labelled, context: Context
) -> Scores:
    """One array (units,) a group, of length 1 where any is not zero.

    Raises StepImpossible where the model has no torch view.
    """
    view = torch_view(model)
    view.module.to(context.device)
    masks = list(_masks(view, model, groups))
    weights = list({id(mask.weight): mask.weight for mask in masks}.values())
    pace = Pace(context.progress, shown.examples, "examples", last=SCORED)
    total = [torch.zeros(group.units, device=context.device) for group in groups]
    one_by_one = batches(
        shown.samples, shown.rows, 1, context.device, labels=shown.objective.reads_labels
    )
    with torch_threads(context.threads):
        for batch in one_by_one:
            loss = shown.objective.loss(view.forward(batch.inputs), batch)
            found = torch.autograd.grad(loss, weights, allow_unused=True)
            gradients = dict(zip(map(id, weights), found, strict=True))
            slopes = [torch.zeros_like(score) for score in total]
            for mask in masks:
                gradient = gradients[id(mask.weight)]
                if gradient is not None:
                    mask.add(slopes[mask.group], gradient)
            for score, slope in zip(total, slopes, strict=True):
                score.add_(slope.abs())
            pace.add(1)
    return [_normalised(score.double().cpu().numpy()) for score in total]


@dataclass(frozen=True, slots=True, eq=False)
class _Mask:
    """Of group number `group`: `unit` is the unit of each number of `weight`, or ELSEWHERE."""

    group: int
    weight: nn.Parameter
    unit: torch.Tensor

    def add(self, slopes: torch.Tensor, gradient: torch.Tensor) -> None:
        """Add <W_u, dL/dW_u> of every unit to `slopes` (units,)."""
        here = self.unit != ELSEWHERE
        products = (self.weight.detach() * gradient)[here]
        slopes.index_add_(0, self.unit[here], products)


def _masks(
    view: TorchView, model: onnx.ModelProto, groups: Sequence[Coupled]
) -> Iterator[_Mask]:
    constants = initializers(model)
    for number, group in enumerate(groups):
        for along in group.readers:
            rank = len(constants[along.value].dims)
            shape = [-1 if axis == along.axis else 1 for axis in range(rank)]
            unit = torch.from_numpy(along.unit + 1).float().reshape(shape)  # 0: nobody
            for weight, placed in laid_out(view, along.value, unit):
                yield _Mask(number, weight, placed.long() - 1)


def _normalised(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    size = float(np.linalg.norm(scores))
    return scores / size if size else scores
