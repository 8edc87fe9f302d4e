"""Rows of a split as tensors on a device, read in large pieces."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from worker.engine.context import Samples
from worker.engine.train.augmentation import Augmentation

CHUNK_BYTES = 32 << 20
Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Batch:
    """Some examples: `rows` are their numbers, first axis of every tensor. From the split's
    count on they are changed copies of its examples; see augmentation.py."""

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
    augmentation: Augmentation | None = None,
) -> Iterator[Batch]:
    """`rows` in their order, `size` at a time; the last batch may be smaller.

    With an `augmentation` there may be rows of changed copies, which are made on the device.
    The split is read about CHUNK_BYTES at a time. Without `lone_too` a last batch of a
    single example is left out, because BatchNormalization cannot learn from one.
    """
    for start in range(0, len(rows), chunk := _chunk_rows(samples, rows, size)):
        piece = rows[start : start + chunk]
        examples = piece % samples.count
        inputs = {
            name: torch.from_numpy(array) for name, array in samples.inputs(examples).items()
        }
        answers = torch.from_numpy(np.array(samples.labels(examples))) if labels else None
        for first in range(0, len(piece), size):
            part = slice(first, first + size)
            chosen = piece[part]
            if len(chosen) == 1 and len(rows) > 1 and not lone_too:
                return
            shown = {name: tensor[part].to(device) for name, tensor in inputs.items()}
            yield Batch(
                rows=chosen,
                inputs=augmentation.change(shown, chosen) if augmentation else shown,
                labels=None if answers is None else answers[part].to(device),
            )


def _chunk_rows(samples: Samples, rows: Rows, size: int) -> int:
    one = sum(array.nbytes for array in samples.inputs(rows[:1] % samples.count).values())
    return max(CHUNK_BYTES // max(one, 1) // size, 1) * size
