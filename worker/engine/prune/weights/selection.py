"""Which weights fall, by their scores: so many of all, of each row, or of each block.

The smallest scores fall; of equal ones the first. Scores are not negative and not NaN.
"""

import numpy as np
from numpy.typing import NDArray

from worker.engine.prune.weights.bar import bar

Scores = NDArray[np.float32]
Fall = NDArray[np.bool_]


def falling(sparsity: float, count: int) -> int:
    """How many of `count` weights go: the nearest number, half up."""
    return int(np.floor(sparsity * count + 0.5))


def of_all(scores: Scores, count: int) -> Fall:
    """`count` of the scores of any shape, in its shape."""
    flat = np.ascontiguousarray(scores).reshape(-1)
    limit = bar(lambda: (flat,), count)
    falls = flat < limit.value
    falls[np.flatnonzero(flat == limit.value)[: limit.ties]] = True
    return falls.reshape(scores.shape)


def of_each_row(scores: Scores, count: int) -> Fall:
    """`count` along the last axis."""
    order = np.argsort(scores, axis=-1, kind="stable")
    falls: Fall = np.zeros(scores.shape, np.bool_)
    np.put_along_axis(falls, order[..., :count], values=True, axis=-1)
    return falls


def of_each_block(scores: Scores, keep: int, of: int) -> Fall:
    """All but `keep` of every `of` neighbours along the last axis, a multiple of `of`."""
    blocks = scores.reshape(*scores.shape[:-1], -1, of)
    return of_each_row(blocks, of - keep).reshape(scores.shape)
