"""CIFAR-10 as every part of this benchmark sees it: who learns from what, who judges.

A tenth of the train images is held out, drawn by the seed exactly as a job with that seed
draws it, so that the baseline has not learnt from what a training step judges itself by. The
10,000 test images judge finished files alone.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.resnet20 import PIXELS, train_images
from worker.engine.data import transformed
from worker.engine.train.hold_out import HoldOut, hold_out

HOLD_OUT = 0.1


@dataclass(frozen=True, slots=True)
class Cifar:
    """Train images (n, 32, 32, 3) uint8, labels (n,) int64."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]

    @classmethod
    def read(cls, data: Path) -> Self:
        """All train images that the data folder holds."""
        return cls(*train_images(data))

    @property
    def frame(self) -> tuple[int, int]:
        """Height and width of an image."""
        return self.images.shape[1], self.images.shape[2]

    def rows(self, seed: int) -> HoldOut:
        """Who learns and who judges under `seed`."""
        return hold_out(len(self.images), HOLD_OUT, seed)

    def shown(self, rows: NDArray[np.int64]) -> torch.Tensor:
        """These train images, (len(rows), 3, 32, 32) float32, as PIXELS makes them."""
        return torch.from_numpy(transformed(self.images[rows], PIXELS, np.dtype(np.float32)))
