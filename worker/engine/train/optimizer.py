"""The optimiser that a spec names.

torch's optimisers load `torch._dynamo` at their first step, which takes seconds. It is
loaded here, so that a process which forks its workers pays for it once.
"""

from collections.abc import Iterable, Sequence
from typing import Any, assert_never

import torch
import torch._dynamo

from lathe.techniques.train import Adagrad, Adam, AdamW, Optimizer, Sgd
from worker.engine.hold.held import OwnParameters


def optimizer(
    spec: Optimizer,
    parameters: Iterable[torch.nn.Parameter],
    own: Sequence[OwnParameters] = (),
) -> torch.optim.Optimizer:
    """SGD with Nesterov momentum (plain where momentum is 0), Adam, AdamW or Adagrad.

    Weight decay applies to every parameter, biases and norms too, as in torch; of `own`, to
    those that say so. Every group carries the `lr_factor` of its learning rate.
    """
    groups = _groups(spec, list(parameters), own)
    match spec:
        case Sgd():
            return torch.optim.SGD(
                groups,
                lr=spec.lr,
                momentum=spec.momentum,
                weight_decay=spec.weight_decay,
                nesterov=spec.momentum > 0,
            )
        case Adam():
            return torch.optim.Adam(
                groups,
                lr=spec.lr,
                betas=spec.betas,
                weight_decay=spec.weight_decay,
                fused=True,  # one pass over the weights; a third of a small net's time else
            )
        case AdamW():
            return torch.optim.AdamW(
                groups, lr=spec.lr, weight_decay=spec.weight_decay, fused=True
            )
        case Adagrad():
            return torch.optim.Adagrad(groups, lr=spec.lr, weight_decay=spec.weight_decay)
        case _:
            assert_never(spec)


def _groups(
    spec: Optimizer, parameters: list[torch.nn.Parameter], own: Sequence[OwnParameters]
) -> list[dict[str, Any]]:
    """As torch's optimisers take them; without empty ones, which they refuse."""
    held = [
        {
            "params": list(group.parameters),
            "lr": spec.lr * group.lr_factor,
            "lr_factor": group.lr_factor,
            "weight_decay": spec.weight_decay if group.decays else 0.0,
        }
        for group in own
    ]
    free = [{"params": parameters, "lr_factor": 1.0}] if parameters else []
    return [*free, *held]
