"""Means and variances of BatchNorms, taken anew after the layers before them have changed.

Li, Wu, Su and Wang, "EagleEye: Fast Sub-net Evaluation for Efficient Neural Network Pruning",
arXiv:2007.02491, section 3.3 (adaptive batch normalisation): the statistics of a pruned net
are not those of the net it came from. Here they are plain means over batches, each norm being
fed with what those before it make of the batch's own statistics:

    mean = 1/B sum_b mean_b,    var = 1/B sum_b var_b    (var_b with n - 1)

Scales and shifts stay.
"""

from dataclasses import replace

import torch
from torch import nn

from lathe.errors import StepImpossible
from worker.engine.checkpoint import Checkpoint, Trait
from worker.engine.context import Context
from worker.engine.hand_back import hand_back
from worker.engine.prune.channels.anatomy import BATCH_NORM
from worker.engine.prune.evidence import Unlabelled
from worker.engine.threads import torch_threads
from worker.engine.view import TorchView, torch_view

EXAMPLES = 512
Norm = nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d
STATISTICS = (3, 4)  # inputs of BatchNormalization


def require_norms_free(checkpoint: Checkpoint) -> None:
    """Raises StepImpossible where earlier steps hold values of a norm's statistics."""
    for node in checkpoint.model.graph.node:
        if node.op_type != "BatchNormalization":
            continue
        for name in (node.input[place] for place in STATISTICS):
            trait = checkpoint.traits.get(name, Trait())
            if trait.codebook is not None or trait.multiples is not None or trait.sparse:
                raise StepImpossible(
                    f"the statistics {name!r} of a BatchNorm are held by an earlier step; "
                    "prune before it, or leave reestimate_norms out",
                    param="reestimate_norms",
                )


def reestimated(checkpoint: Checkpoint, context: Context) -> tuple[Checkpoint, int]:
    """The checkpoint with new statistics in its BatchNorms, and how many there are; as it is
    where there are none. Raises StepImpossible without a torch view or two examples."""
    view = torch_view(checkpoint.model)
    norms = [module for module in view.module.modules() if isinstance(module, BATCH_NORM)]
    if not norms:
        return checkpoint, 0
    shown = Unlabelled.of(EXAMPLES, checkpoint, context)
    with torch_threads(context.threads):
        _observe(view, norms, shown, context)
        model = hand_back(view, checkpoint.model, context.seed)
    return replace(checkpoint, model=model), len(norms)


@torch.no_grad()
def _observe(
    view: TorchView,
    norms: list[Norm],
    shown: Unlabelled,
    context: Context,
) -> None:
    view.module.to(context.device)
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean over batches
        norm.train()
    seen = 0
    for inputs in shown.tensors(context.device):
        if len(next(iter(inputs.values()))) > 1:
            view.forward(inputs)
            seen += 1
    if not seen:
        raise StepImpossible(
            "statistics of a BatchNorm need at least 2 examples", param="data.calibration"
        )
    view.module.to("cpu").eval()
