"""Proof by trying that cutting a group computes what leaving its channels unheard computes.

For channels that only convolutions, matrix products, norms and elementwise operators see,
removing a channel is the same as not reading it. Anything else (a head cut unevenly, a
shuffle, a sum over channels, an index that went wrong) differs in shape or in value.
"""

from collections.abc import Sequence

import numpy as np
import torch

from worker.engine.prune.channels.cut import silenced, trimmed
from worker.engine.prune.coupling import Group, Kept
from worker.engine.view import TorchView

RELATIVE, ABSOLUTE = 1e-4, 1e-5  # the fidelity gate of the design


def cuts_cleanly(
    view: TorchView, group: Group, inputs: dict[str, torch.Tensor], seed: int
) -> bool:
    """Whether a random half of the group's units can be cut out."""
    drawn = np.random.default_rng(seed).permutation(group.units)
    kept = group.everything()
    kept[drawn[: group.units // 2]] = False
    return computes_the_same(view, [group], [kept], inputs)


def computes_the_same(
    view: TorchView,
    groups: Sequence[Group],
    kept: Sequence[Kept],
    inputs: dict[str, torch.Tensor],
) -> bool:
    """Whether cutting and not hearing agree: max|dy| <= 1e-4 max|y| + 1e-5, every output."""
    with torch.no_grad():
        with silenced(view.module, groups, kept):
            wanted = view.forward(inputs)
        try:
            with trimmed(view.module, groups, kept):
                given = view.forward(inputs)
        except (RuntimeError, ValueError, IndexError):  # torch's words for shapes that clash
            return False
    return all(_close(wanted[name], given[name]) for name in wanted)


def _close(wanted: torch.Tensor, given: torch.Tensor) -> bool:
    if wanted.shape != given.shape:
        return False
    if not wanted.is_floating_point():
        return torch.equal(wanted, given)
    error, size = (wanted - given).abs().max(), wanted.abs().max()
    return bool(error <= RELATIVE * size + ABSOLUTE)
