"""Batches of images for the training of baselines, changed by the engine's own
augmentation."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from lathe.techniques.augment import Augment, Elastic
from worker.engine.train.augmentation import Augmentation
from worker.engine.train.hold_out import HoldOut
from worker.engine.train.warp import Size

STRONG = Augment(
    rotate_degrees=9, scale=0.09, shift_pixels=1.6, elastic=Elastic(sigma_pixels=1.1)
)
MILD = Augment(rotate_degrees=6, scale=0.06, shift_pixels=1, elastic=Elastic(sigma_pixels=0.7))
JUDGED_TOGETHER = 1000


@dataclass(frozen=True, slots=True)
class Batch:
    """`rows` number images and copies as Augmentation does."""

    rows: NDArray[np.int64]
    images: torch.Tensor
    labels: torch.Tensor


class Pictures(Protocol):
    """Train images and how a model sees them."""

    @property
    def labels(self) -> NDArray[np.int64]:
        """(n,) the class of each."""

    @property
    def frame(self) -> Size:
        """Height and width."""

    def rows(self, seed: int) -> HoldOut:
        """Who learns and who judges under `seed`."""

    def shown(self, rows: NDArray[np.int64]) -> torch.Tensor:
        """(len(rows), channels, height, width) float32, as the model takes them."""


class Images:
    """The learning part of the train images under a seed, `size` at a time. `own` tells
    apart what several learners of one seed see."""

    def __init__(
        self, of: Pictures, seed: int, spec: Augment, size: int, *, own: int = 0
    ) -> None:
        self.of, self.parts, self.size = of, of.rows(seed), size
        self.seed = 100 * seed + own
        self.augmentation = Augmentation(
            spec, len(of.labels), self.seed, images=("image",), frame=of.frame
        )

    @property
    def steps(self) -> int:
        """Whole batches an epoch."""
        return len(self.parts.train) // self.size

    def epoch(self, epoch: int, *, fresh: bool) -> Iterator[Batch]:
        """Shuffled whole batches: every image changed as never before where `fresh`, else
        as it is or as one of its copies."""
        draw = np.random.default_rng((self.seed, epoch))
        rows = draw.permutation(self.parts.train)[: self.steps * self.size]
        if fresh:
            rows = rows + (epoch + 1) * self.augmentation.count
        else:
            rows = self.augmentation.choose(rows, epoch)
        return self.batches(rows)

    def copy(self, number: int) -> Iterator[Batch]:
        """Every learning image in its copy of this number; 0 is the image itself."""
        return self.batches(self.parts.train + number * self.augmentation.count)

    def batches(self, rows: NDArray[np.int64]) -> Iterator[Batch]:
        """These rows in their order."""
        for start in range(0, len(rows), self.size):
            piece = rows[start : start + self.size]
            places = piece % self.augmentation.count
            shown = {"image": self.of.shown(places)}
            changed = self.augmentation.change(shown, piece)["image"]
            yield Batch(piece, changed, torch.from_numpy(self.of.labels[places]))

    @torch.no_grad()
    def held_out_error(self, model: nn.Module) -> float:
        """Percent of the held-out images that `model` gets wrong."""
        model.eval()
        held, wrong = self.parts.held, 0
        for start in range(0, len(held), JUDGED_TOGETHER):
            rows = held[start : start + JUDGED_TOGETHER]
            answers = model(self.of.shown(rows)).argmax(1).numpy()
            wrong += int((answers != self.of.labels[rows]).sum())
        return 100 * wrong / len(held)
