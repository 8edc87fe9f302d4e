"""The optimiser of every baseline.

Smith and Topin, "Super-Convergence: Very Fast Training of Neural Networks Using Large
Learning Rates", arXiv:1708.07120, with AdamW.
"""

import torch
from torch import nn


def one_cycle(
    model: nn.Module, peak: float, decay: float, steps: int
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    """AdamW whose rate climbs for a fifth of the steps and then falls to nothing."""
    optimizer = torch.optim.AdamW(model.parameters(), peak, weight_decay=decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, peak, total_steps=steps, pct_start=0.2
    )
    return optimizer, schedule
