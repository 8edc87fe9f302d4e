"""How much the task's loss leans on every weight.

Molchanov, Mallya, Tyree, Frosio and Kautz, "Importance Estimation for Neural Network
Pruning", arXiv:1906.10771, equation 7 with |.| for (.)^2:

    score(w) = mean over batches b of |w dL_b/dw|

L_b is the task's loss on a batch; scores of all layers compare.
"""

from collections.abc import Sequence

import torch
from torch import nn

from worker.engine.context import Context
from worker.engine.hold.layout import parameters_of, read_back
from worker.engine.layerwise.site import Floats
from worker.engine.pace import Pace
from worker.engine.prune.channels.score import BATCH
from worker.engine.prune.evidence import Labelled
from worker.engine.threads import torch_threads
from worker.engine.train.batches import batches
from worker.engine.view import TorchView


def loss_scores(
    view: TorchView, names: Sequence[str], labelled: Labelled, context: Context
) -> dict[str, Floats]:
    """The score of each weight of the tensors `names`, laid out as in the file; tensors that
    are not trained are left out. The view's weights are used up."""
    held = {name: parameters_of(view, name) for name in names}
    held = {name: parameters for name, parameters in held.items() if parameters}
    every = {id(p): p for parameters in held.values() for p in parameters}
    with torch_threads(context.threads):
        view.module.to(context.device)
        found = _scores(view, list(every.values()), labelled, context)
        view.module.to("cpu")
    for parameter, score in zip(every.values(), found, strict=True):
        parameter.data = score.cpu()
    return {name: read_back(view, name).numpy() for name in held}


def _scores(
    view: TorchView, parameters: Sequence[nn.Parameter], labelled: Labelled, context: Context
) -> list[torch.Tensor]:
    total = [torch.zeros_like(parameter) for parameter in parameters]
    seen = 0
    pace = Pace(context.progress, len(labelled.rows), "examples")
    reads = labelled.objective.reads_labels
    for batch in batches(labelled.samples, labelled.rows, BATCH, context.device, labels=reads):
        loss = labelled.objective.loss(view.forward(batch.inputs), batch)
        gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
        for so_far, parameter, gradient in zip(total, parameters, gradients, strict=True):
            if gradient is not None:
                so_far.add_((parameter.detach() * gradient).abs())
        seen += 1
        pace.add(batch.examples)
    return [so_far / seen for so_far in total]
