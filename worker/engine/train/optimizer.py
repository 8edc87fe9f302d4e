"""The optimiser that a spec names.

torch's optimisers load `torch._dynamo` at their first step, which takes seconds. It is
loaded here, so that a process which forks its workers pays for it once.
"""

from collections.abc import Iterable
from typing import assert_never

import torch
import torch._dynamo

from lathe.techniques.train import Adam, AdamW, Optimizer, Sgd


def optimizer(
    spec: Optimizer, parameters: Iterable[torch.nn.Parameter]
) -> torch.optim.Optimizer:
    """SGD with Nesterov momentum (plain where momentum is 0), Adam, or AdamW.

    Weight decay applies to every parameter, biases and norms too, as in torch.
    """
    match spec:
        case Sgd():
            return torch.optim.SGD(
                parameters,
                lr=spec.lr,
                momentum=spec.momentum,
                weight_decay=spec.weight_decay,
                nesterov=spec.momentum > 0,
            )
        case Adam():
            return torch.optim.Adam(
                parameters, lr=spec.lr, betas=spec.betas, weight_decay=spec.weight_decay
            )
        case AdamW():
            return torch.optim.AdamW(parameters, lr=spec.lr, weight_decay=spec.weight_decay)
        case _:
            assert_never(spec)
