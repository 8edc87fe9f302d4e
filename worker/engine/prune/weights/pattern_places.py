"""Where the blocks of a pattern lie in the parameters that hold a tensor."""

import numpy as np
import torch

from lathe.errors import StepImpossible
from lathe.techniques.prune import Pattern
from worker.engine.hold.layout import laid_out
from worker.engine.layerwise.site import Site
from worker.engine.prune.weights.pattern import block_numbers
from worker.engine.prune.weights.rising_mask import Blocks, flat
from worker.engine.view import TorchView

MOST_BLOCKS = 1 << 24  # whole numbers that float32, in which layouts are read, tells apart


def blocks_of(view: TorchView, site: Site, pattern: Pattern) -> Blocks:
    """The blocks of one tensor of the file. Raises StepImpossible where it is too large."""
    if site.elements // pattern.of > MOST_BLOCKS:
        raise StepImpossible(
            f"{site.name!r} has more than {MOST_BLOCKS} blocks, too many to prune while "
            "training; protect it, or set epochs to 0",
            param="pattern",
        )
    numbers = torch.from_numpy(block_numbers(site, pattern.of).astype(np.float32))
    held = flat([piece for _, piece in laid_out(view, site.name, numbers)])
    places = held.argsort(stable=True).reshape(-1, pattern.of)
    return Blocks(places, pattern.keep)
