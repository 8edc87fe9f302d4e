"""The examples that layers are looked at with, in batches that fit in memory."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from worker.engine.context import Arrays, Context, Samples

MOST_EXAMPLES = 512
MOST_LEFT_OVER = 4096
BATCH = 32
KEPT_BYTES = 512 << 20  # of inner values, of both nets and all examples
MASK = "attention_mask"
TOKENS_RANK = 2  # (n, t)

Rows = NDArray[np.int64]


def unlabelled(context: Context) -> tuple[Samples, Rows] | None:
    """Examples to calibrate with: of the job's calibration split, else of train's; at most
    MOST_EXAMPLES of them, in an order that depends on the seed alone."""
    found = _shuffled(context)
    return found and (found[0], found[1][:MOST_EXAMPLES])


def left_over(context: Context) -> tuple[Samples, Rows] | None:
    """At most MOST_LEFT_OVER of the examples behind those that `unlabelled` gives."""
    found = _shuffled(context)
    return found and (found[0], found[1][MOST_EXAMPLES:][:MOST_LEFT_OVER])


def _shuffled(context: Context) -> tuple[Samples, Rows] | None:
    samples = context.calibration or context.train
    if samples is None or not samples.count:
        return None
    order = np.random.default_rng(context.seed).permutation(samples.count)
    return samples, order.astype(np.int64)


def batched(samples: Samples, rows: Rows, fixed_batch: int | None) -> list[Arrays]:
    """The inputs of `rows`. A model that fixes its batch size gets whole batches only, at
    least one, filled up with its last example."""
    size = fixed_batch or BATCH
    if fixed_batch is not None:
        whole = len(rows) // size * size
        rows = rows[:whole] if whole else np.resize(rows, size)
    return [samples.inputs(rows[start : start + size]) for start in range(0, len(rows), size)]


def as_many_as_fit(batches: Sequence[Arrays], kept_bytes: int) -> list[Arrays]:
    """The first of `batches`, one at least, of which the first keeps `kept_bytes` of inner
    values for one net."""
    most = KEPT_BYTES // max(2 * kept_bytes, 1)
    return list(batches[: max(most, 1)])


def words(inputs: Arrays) -> NDArray[np.bool_] | None:
    """Which tokens (n, t) are words and not padding, where an input says so."""
    mask = inputs.get(MASK)
    return None if mask is None or mask.ndim != TOKENS_RANK else mask != 0
