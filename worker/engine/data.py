"""One split of a data set as the model wants it, read row by row from a memory map.

Stored arrays are named `<split>/<input>`, or `<split>/a/<input>` and `<split>/b/<input>`
for pairs; `<split>/label` or `<split>/label/<output>`; `<split>/group`. A declared
Transform is applied as (x * scale - mean) / std in float32 (float64 for a float64 input).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from lathe.errors import DataMismatch
from lathe.facts import DatasetFacts, IoSpec, TensorSpec, Transform
from lathe.job import Split
from worker.engine.context import Arrays
from worker.engine.intake.tensor_file import StoredTensor, read_header

Side = Literal["a", "b"]
Array = NDArray[np.generic]
AS_STORED = Transform()


@dataclass(frozen=True, slots=True)
class SplitSamples:
    """Implements `worker.engine.context.Samples`; rows count within the chosen subset."""

    chosen: NDArray[np.int64]
    stored: Mapping[str, Array] = field(repr=False)
    doors: tuple[TensorSpec, ...]
    transforms: Mapping[str, Transform]
    label: Array | None = field(default=None, repr=False)
    group: Array | None = field(default=None, repr=False)

    @classmethod
    def open(
        cls,
        path: Path,
        facts: DatasetFacts,
        split: Split,
        io: IoSpec,
        *,
        seed: int,
        side: Side | None = None,
        output: str | None = None,
        own_label: bool = False,
    ) -> Self:
        """Map the arrays of `split`; nothing is read yet.

        `split.samples` takes that many rows, chosen with `seed` without replacement and
        kept in stored order (the same rows for side a and side b). `output` says which
        `label/<output>` is the label where there is no plain `label`, and with `own_label`
        whether there is one or not. Raises DataMismatch
        for a split, an input or a count that the data set does not have.
        """
        split_facts = facts.split(split.split)
        if split_facts is None:
            raise DataMismatch(f"the data set has no split {split.split!r}")
        tensors = read_header(path)
        prefix = f"{split.split}/{side}/" if side else f"{split.split}/"
        missing = [door.name for door in io.inputs if prefix + door.name not in tensors]
        if missing:
            raise DataMismatch(
                f"the data set has no array {prefix + missing[0]!r}, "
                f"which the input {missing[0]!r} needs"
            )
        return cls(
            chosen=_subset(split_facts.examples, split, seed),
            stored={d.name: _map(path, tensors[prefix + d.name]) for d in io.inputs},
            doors=io.inputs,
            transforms=facts.transforms,
            label=_optional(path, tensors.get(f"{split.split}/label/{output}"))
            if own_label
            else _label(path, tensors, split.split, output),
            group=_optional(path, tensors.get(f"{split.split}/group")),
        )

    @property
    def count(self) -> int:
        """How many examples."""
        return len(self.chosen)

    @property
    def has_labels(self) -> bool:
        """Whether `labels` can be called."""
        return self.label is not None

    @property
    def has_groups(self) -> bool:
        """Whether `groups` can be called."""
        return self.group is not None

    def inputs(self, rows: NDArray[np.int64]) -> Arrays:
        """Model inputs by name, each (len(rows), ...), transformed, in the model's dtypes."""
        places = self.chosen[rows]
        return {
            door.name: transformed(
                _read(self.stored[door.name], places),
                self.transforms.get(door.name, AS_STORED),
                np.dtype(door.dtype),
            )
            for door in self.doors
        }

    def labels(self, rows: NDArray[np.int64]) -> Array:
        """Labels of these rows as stored, first axis len(rows)."""
        return self._rows(self.label, "label", rows)

    def groups(self, rows: NDArray[np.int64]) -> Array:
        """The group of each of these rows as stored, first axis len(rows)."""
        return self._rows(self.group, "group", rows)

    def _rows(self, array: Array | None, name: str, rows: NDArray[np.int64]) -> Array:
        if array is None:
            raise DataMismatch(f"the data set has no {name!r} array for this split")
        return _read(array, self.chosen[rows])


def transformed(stored: Array, transform: Transform, dtype: np.dtype[np.generic]) -> Array:
    """(x * scale - mean) / std of a batch, shape (N, ...), as `dtype`.

    "nhwc" first moves the last axis to axis 1. One mean or std a channel applies to axis 1,
    or to the last axis where only that one has as many entries; raises DataMismatch where
    neither fits.
    """
    if transform.layout == "nhwc":
        stored = np.moveaxis(stored, -1, 1)
    if (transform.scale, transform.mean, transform.std) == (1.0, (0.0,), (1.0,)):
        return np.ascontiguousarray(stored, dtype=dtype)
    working: type[np.floating] = np.float64 if dtype == np.float64 else np.float32
    values = stored.astype(working)
    values *= working(transform.scale)
    if transform.mean != AS_STORED.mean:  # each is a pass over all pixels
        values -= _by_channel(transform.mean, values.shape, working)
    if transform.std != AS_STORED.std:
        values /= _by_channel(transform.std, values.shape, working)
    return np.ascontiguousarray(values, dtype=dtype)


def _read(stored: Array, places: NDArray[np.int64]) -> Array:
    """stored[places], read in stored order: a shuffled epoch over a file larger than memory
    then sweeps the disk once for each piece."""
    if np.all(places[1:] >= places[:-1]):
        return stored[places]
    order = np.argsort(places, kind="stable")
    back = np.empty_like(order)
    back[order] = np.arange(len(order))
    return stored[places[order]][back]


def _by_channel(
    numbers: tuple[float, ...], shape: tuple[int, ...], dtype: type[np.floating]
) -> NDArray[np.floating]:
    if len(numbers) == 1:
        return np.asarray(numbers[0], dtype)
    for axis in (1, len(shape) - 1):
        if 0 < axis < len(shape) and shape[axis] == len(numbers):
            ones = [1] * len(shape)
            ones[axis] = len(numbers)
            return np.asarray(numbers, dtype).reshape(ones)
    raise DataMismatch(
        f"a transform has {len(numbers)} channels, but an example has the shape {shape[1:]}"
    )


def _subset(examples: int, split: Split, seed: int) -> NDArray[np.int64]:
    if split.samples is None:
        return np.arange(examples, dtype=np.int64)
    if split.samples > examples:
        raise DataMismatch(
            f"the split {split.split!r} has {examples} examples, "
            f"not the {split.samples} asked for"
        )
    chosen = np.random.default_rng(seed).choice(examples, split.samples, replace=False)
    return np.sort(chosen.astype(np.int64))


def _label(
    path: Path, tensors: Mapping[str, StoredTensor], split: str, output: str | None
) -> Array | None:
    if (plain := tensors.get(f"{split}/label")) is not None:
        return _map(path, plain)
    prefix = f"{split}/label/"
    named = {
        name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)
    }
    if output is None and len(named) == 1:
        return _map(path, *named.values())
    return _optional(path, named.get(output or ""))


def _optional(path: Path, tensor: StoredTensor | None) -> Array | None:
    return None if tensor is None else _map(path, tensor)


def _map(path: Path, tensor: StoredTensor) -> Array:
    return np.memmap(
        path, dtype=tensor.dtype, mode="r", offset=tensor.offset, shape=tensor.shape
    )
