"""The part of the train split that chooses the epoch."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lathe.errors import StepImpossible

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class HoldOut:
    """Row numbers of one split: `train` learns, `held` judges; they share none."""

    train: Rows
    held: Rows


def hold_out(count: int, fraction: float, seed: int) -> HoldOut:
    """A seeded random `fraction` of `count` rows, rounded, at least one row on either side.

    Raises StepImpossible for fewer than two rows.
    """
    if count < 2:  # noqa: PLR2004 - one to learn from, one to judge by
        raise StepImpossible(
            f"training needs at least 2 examples, the train split has {count}",
            param="data.train",
        )
    held = min(max(round(count * fraction), 1), count - 1)
    order = np.random.default_rng(seed).permutation(count).astype(np.int64)
    return HoldOut(train=order[held:], held=np.sort(order[:held]))
