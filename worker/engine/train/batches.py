"""Rows of a split as tensors on a device, read in large pieces."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from worker.engine.context import Samples

CHUNK_BYTES = 32 << 20
Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Batch:
    """Some examples: `rows` are their numbers in the split, first axis of every tensor."""

    rows: Rows
    inputs: dict[str, torch.Tensor]
    labels: torch.Tensor | None

    @property
    def examples(self) -> int:
        """How many."""
        return len(self.rows)


def batches(
    samples: Samples,
    rows: Rows,
    size: int,
    device: torch.device,
    *,
    labels: bool,
    lone_too: bool = True,
) -> Iterator[Batch]:
    """`rows` in their order, `size` at a time; the last batch may be smaller.

    The split is read about CHUNK_BYTES at a time. Without `lone_too` a last batch of a
    single example is left out, because BatchNormalization cannot learn from one.
    """
    for start in range(0, len(rows), chunk := _chunk_rows(samples, rows, size)):
        piece = rows[start : start + chunk]
        inputs = {
            name: torch.from_numpy(array) for name, array in samples.inputs(piece).items()
        }
        answers = torch.from_numpy(np.array(samples.labels(piece))) if labels else None
        for first in range(0, len(piece), size):
            part = slice(first, first + size)
            chosen = piece[part]
            if len(chosen) == 1 and len(rows) > 1 and not lone_too:
                return
            yield Batch(
                rows=chosen,
                inputs={name: tensor[part].to(device) for name, tensor in inputs.items()},
                labels=None if answers is None else answers[part].to(device),
            )


def _chunk_rows(samples: Samples, rows: Rows, size: int) -> int:
    one = sum(array.nbytes for array in samples.inputs(rows[:1]).values())
    return max(CHUNK_BYTES // max(one, 1) // size, 1) * size
