"""MNIST as every part of this benchmark sees it: who learns from what, who judges.

Of the 60,000 train images 5,000 are held out, drawn by the seed exactly as a job with that
seed draws them, so no teacher and no baseline has learnt from what the job judges itself by.
The 10,000 test images judge finished files alone.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray

from examples.mnist.make_data import load
from lathe.facts import Transform
from worker.engine.train.hold_out import HoldOut, hold_out

MEAN, STD = 0.1307, 0.3081
PIXELS = Transform(scale=1 / 255, mean=(MEAN,), std=(STD,))
HOLD_OUT = 5_000 / 60_000


@dataclass(frozen=True, slots=True)
class Mnist:
    """(60000, 1, 28, 28) and (10000, 1, 28, 28) uint8, labels int64."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    test_images: NDArray[np.uint8]
    test_labels: NDArray[np.int64]

    @classmethod
    def read(cls, folder: Path) -> Self:
        """From the four original files in `folder`/mnist."""
        arrays = load(folder / "mnist")
        return cls(
            arrays["train/image"][:, None],
            arrays["train/label"].astype(np.int64),
            arrays["test/image"][:, None],
            arrays["test/label"].astype(np.int64),
        )

    @property
    def frame(self) -> tuple[int, int]:
        """Height and width of an image."""
        return self.images.shape[2], self.images.shape[3]

    def rows(self, seed: int) -> HoldOut:
        """Who learns and who judges under `seed`."""
        return hold_out(len(self.images), HOLD_OUT, seed)

    def shown(self, rows: NDArray[np.int64]) -> torch.Tensor:
        """These train images, (len(rows), 1, 28, 28) float32, as PIXELS makes them."""
        return normalised(self.images[rows])

    def write(self, path: Path) -> None:
        """The data set that a job reads, as .npz."""
        np.savez(
            path,
            **{
                "train/image": self.images,
                "train/label": self.labels,
                "test/image": self.test_images,
                "test/label": self.test_labels,
            },
        )


def normalised(images: NDArray[np.uint8]) -> torch.Tensor:
    """Float32 as PIXELS makes them."""
    return (torch.from_numpy(images.astype(np.float32)) / 255 - MEAN) / STD
