"""Augmentation in a training run: which copy an epoch shows, and what it looks like.

A changed copy has a row number of its own: copy k = 1, 2, ... of row r of a split of `count`
examples is row r + k count. It is made when it is read, from the example and numbers that the
seed and that row number alone decide, so it is the same in every epoch, batch and device and
what a teacher says about it can be kept.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from lathe.errors import StepImpossible
from lathe.techniques.augment import Augment
from worker.engine.context import Arrays, Samples
from worker.engine.train.draws import normal
from worker.engine.train.warp import Field, Size, moves, warp

Rows = NDArray[np.int64]
Tensors = dict[str, torch.Tensor]
IMAGE_AXES = 4
MAP_AXES = 3  # labels of so many axes are a picture themselves
CHANNELS = (1, 3, 4)  # of images as people store them
MOVED, NOISED, NEXT_INPUT = 0, 2, 1  # offsets of the keys; elastic takes MOVED + 1


@dataclass(frozen=True, slots=True)
class Augmentation:
    """`images` are the inputs that change; pixels are counted in the `frame` of the first."""

    spec: Augment
    count: int
    seed: int
    images: tuple[str, ...]
    frame: Size

    @property
    def rows(self) -> int:
        """Row numbers in all: every example and its copies."""
        return self.count * (1 + self.spec.copies)

    def choose(self, rows: Rows, epoch: int) -> Rows:
        """What this epoch shows of `rows`: each as it is, or one of its copies."""
        draw = np.random.default_rng((self.seed, epoch, 1))
        copy = draw.integers(1, self.spec.copies + 1, len(rows))
        copy[draw.random(len(rows)) < self.spec.unchanged] = 0
        return rows + copy * self.count

    def change(self, inputs: Tensors, rows: Rows) -> Tensors:
        """The `inputs` of a batch on their device; row numbers below `count` stay as they are.

        `inputs` holds the examples that the `rows` were made of, and is not edited.
        """
        changed = np.flatnonzero(rows >= self.count)
        if not len(changed):
            return inputs
        device = inputs[self.images[0]].device
        places = torch.from_numpy(changed).to(device)
        numbers = torch.from_numpy(rows[changed]).to(device)
        key = self.seed << 32
        moved = moves(self.spec, key + MOVED, numbers) if self.spec.moves else None
        made = dict(inputs)
        for place, name in enumerate(self.images):
            images = inputs[name].index_select(0, places)
            if moved is not None:
                images = self._warped(images, moved)
            if self.spec.noise:
                own = key + NOISED + place * NEXT_INPUT
                noise = normal(own, numbers, images[0].numel()).reshape(images.shape)
                images = images + (noise * self.spec.noise).to(images.dtype)
            made[name] = inputs[name].index_copy(0, places, images)
        return made

    def _warped(self, images: torch.Tensor, moved: torch.Tensor) -> torch.Tensor:
        last = self.spec.layout == "nhwc"
        images = images.movedim(-1, 1) if last else images
        size = (images.shape[2], images.shape[3])
        grid = self.spec.elastic.grid if self.spec.elastic else 0
        read = warp(images, moved, Field.of(size, self.frame, grid, images.device))
        return read.movedim(1, -1) if last else read


def augmentation(spec: Augment | None, samples: Samples, seed: int) -> Augmentation | None:
    """What `spec` asks of this split; None where it asks for nothing.

    Raises StepImpossible for an input that is no image of floats, or none that is.
    """
    if spec is None:
        return None
    example = samples.inputs(np.zeros(1, np.int64))
    for name in spec.inputs:
        if name not in example:
            raise StepImpossible(
                f"augment.inputs names {name!r}; the model has {', '.join(sorted(example))}",
                param="augment.inputs",
            )
        if not _is_image(example[name]):
            raise StepImpossible(
                f"the input {name!r} is {example[name].dtype} {example[name].shape[1:]} an "
                "example; only float images of three axes can be augmented",
                param="augment.inputs",
            )
    images = spec.inputs or tuple(n for n, array in example.items() if _is_image(array))
    if not images:
        raise StepImpossible(
            "augment needs an input of float images, rank 4 with the batch; the model has "
            f"{_described(example)}; leave augment out",
            param="augment",
        )
    sizes = [_size(spec, name, example[name].shape) for name in images]
    return Augmentation(spec, samples.count, seed, images, frame=sizes[0])


def refuse_maps(spec: Augment | None, *labelled: Samples) -> None:
    """Labels that are pictures would stay where they are while their images move; raises
    StepImpossible for them."""
    if spec is None or not spec.moves:
        return
    for samples in labelled:
        if samples.has_labels:
            _refuse_map(samples.labels(np.zeros(1, np.int64)))


def _refuse_map(labels: NDArray[np.generic]) -> None:
    if labels.ndim >= MAP_AXES:
        raise StepImpossible(
            f"labels of shape {labels.shape[1:]} would not move with their images; augment "
            "with noise alone, or learn from teachers with loss.hard 0",
            param="augment",
        )


def _is_image(array: NDArray[np.generic]) -> bool:
    return array.ndim == IMAGE_AXES and np.issubdtype(array.dtype, np.floating)


def _size(spec: Augment, name: str, shape: tuple[int, ...]) -> Size:
    _, first, middle, last = shape
    if spec.layout == "nchw" and last in CHANNELS and min(first, middle) > last:
        raise StepImpossible(
            f"the input {name!r} has the shape {shape[1:]} an example, whose channels seem to "
            'be last; say so with augment.layout "nhwc"',
            param="augment.layout",
        )
    return (first, middle) if spec.layout == "nhwc" else (middle, last)


def _described(example: Arrays) -> str:
    return ", ".join(f"{n!r} {a.dtype} {a.shape[1:]}" for n, a in sorted(example.items()))
