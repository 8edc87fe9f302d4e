"""A part of the only split becomes the split `test`: chosen by chance, the same every time."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from lathe.errors import InvalidSpec, NotADataset

HELD = "test"
SEED = 17
PARAM = "layout.holdout"


class Draw:
    """Which of the next rows are held out; the same sequence for the same fraction."""

    def __init__(self, fraction: float) -> None:
        self._fraction = fraction
        self._numbers = np.random.default_rng(SEED)

    def next(self, rows: int) -> NDArray[np.bool_]:
        """True for a row that goes to the split `test`, shape (rows,)."""
        return self._numbers.random(rows) < self._fraction


def only_split(splits: Mapping[str, object]) -> str:
    """The split to take from; raises InvalidSpec where there are several."""
    names = list(splits)
    if len(names) > 1 or names == [HELD]:
        raise InvalidSpec(
            f"the data has the splits {', '.join(names)} already; leave holdout out",
            param=PARAM,
        )
    return names[0]


def check_both(counts: Mapping[str, int]) -> None:
    """Refuse a draw that left one of both splits empty."""
    for name, count in counts.items():
        if not count:
            raise NotADataset(
                f"there are too few examples for a holdout: none is left for {name!r}"
            )
