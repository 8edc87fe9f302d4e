"""The layers that can be decomposed, and why the others are left as they are."""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lathe.facts import Dim
from worker.engine.checkpoint import Checkpoint, Trait
from worker.engine.graph.layers import layers
from worker.engine.graph.shapes import shapes
from worker.engine.graph.weight_tensors import weight_tensors
from worker.engine.layerwise.site import Reader, Site, sites

Counts = NDArray[np.int64]
Axes = frozenset[int]

OPERATORS = {"Conv", "Gemm", "MatMul"}


@dataclass(frozen=True, slots=True)
class Grid:
    """Where one node computes: `examples` (for a matrix, its rows) times the points of each
    spatial axis, of its input and of its output."""

    examples: int
    before: tuple[int, ...] = ()
    after: tuple[int, ...] = ()

    def points(self, carried: Axes) -> int:
        """Places of a value that has been through the `carried` axes of the convolution."""
        ends = zip(self.before, self.after, strict=True)
        sides = (end[axis in carried] for axis, end in enumerate(ends))
        return self.examples * math.prod(sides)


@dataclass(frozen=True, slots=True)
class Sizes:
    """Of factors in their order, each for a number of ranks at once: how many weights they
    have, and the axes that a value has been through once they are done."""

    elements: tuple[Counts, ...]
    carried: tuple[Axes, ...]


@dataclass(frozen=True, slots=True)
class Layer:
    """A weight of `Conv`, `Gemm` or `MatMul`, alike in all its readers. `grids` has one entry
    a reader, and is None where a shape is unknown."""

    site: Site
    grids: tuple[Grid, ...] | None

    @property
    def name(self) -> str:
        """The layer's id."""
        return self.site.name

    @property
    def convolves(self) -> bool:
        """Whether it is a Conv, its weight (O, I / g, k...)."""
        return self.site.form == "convolution"

    @property
    def axes(self) -> Axes:
        """The spatial axes of a convolution, counted from 0."""
        return frozenset(range(len(self.site.shape) - 2)) if self.convolves else frozenset()

    @property
    def parameters(self) -> int:
        """Numbers of the weight; the bias stays."""
        return self.site.elements

    @property
    def macs(self) -> int | None:
        """For one example, of all readers."""
        if self.grids is None:
            return None
        return sum(self.parameters * grid.points(self.axes) for grid in self.grids)

    def row_macs(self, sizes: Sizes) -> Counts | None:
        """Of the factors, for each rank, for one example and of all readers."""
        if self.grids is None:
            return None
        each = [
            elements * sum(grid.points(axes) for grid in self.grids)
            for elements, axes in zip(sizes.elements, sizes.carried, strict=True)
        ]
        return np.asarray(np.sum(each, axis=0), np.int64)


@dataclass(frozen=True, slots=True)
class Left:
    """A layer that stays as it is."""

    name: str
    reason: str


def decomposable(
    checkpoint: Checkpoint, protect: Collection[str]
) -> tuple[list[Layer], list[Left]]:
    """In graph order. Raises UnknownLayer for a protected layer that the model lacks."""
    model = checkpoint.model
    free = {w.name for w in weight_tensors(model, protect, embeddings=True)}
    seen, known = {site.name: site for site in sites(model)}, shapes(model)
    found, left = [], []
    for layer in layers(model):
        site = seen.get(layer.id)
        if layer.id in protect:
            left.append(Left(layer.id, "it is protected"))
        elif layer.operator not in OPERATORS:
            left.append(Left(layer.id, f"{layer.operator} is not decomposed"))
        elif layer.id not in free or site is None:
            left.append(
                Left(layer.id, "its weight is not float32, or not read by layers alone")
            )
        elif reason := _held(checkpoint.traits.get(layer.id, Trait())) or _mixed(site):
            left.append(Left(layer.id, reason))
        else:
            found.append(Layer(site, _grids(site, known)))
    return found, left


def _held(trait: Trait) -> str | None:
    if trait.grid is not None or trait.multiples is not None:
        return "an earlier step put its weights on a grid"
    if trait.codebook is not None:
        return "its weights share values since an earlier step"
    if trait.sparse:
        return "an earlier step made zeros in it, which its factors would not have"
    return None


def _mixed(site: Site) -> str | None:
    if site.form == "plain":
        return "it is not one matrix: transposed inputs, more axes, or several readers"
    return None


def _grids(site: Site, known: Mapping[str, tuple[Dim, ...]]) -> tuple[Grid, ...] | None:
    grids = [_grid(site, reader, known) for reader in site.readers]
    whole = [grid for grid in grids if grid is not None]
    return tuple(whole) if len(whole) == len(grids) else None


def _grid(site: Site, reader: Reader, known: Mapping[str, tuple[Dim, ...]]) -> Grid | None:
    made = _sizes(known.get(reader.node.output[0]))
    if made is None:
        return None
    if site.form != "convolution":
        outputs = site.shape[1 if site.form == "columns" else 0]
        return Grid(math.prod(made) // outputs)
    read = _sizes(known.get(reader.node.input[0]))
    return None if read is None else Grid(made[0], read[2:], made[2:])


def _sizes(shape: tuple[Dim, ...] | None) -> tuple[int, ...] | None:
    sizes = tuple(size for size in shape or () if isinstance(size, int))
    return sizes if shape is not None and len(sizes) == len(shape) else None
