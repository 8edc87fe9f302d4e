"""decompose.tucker: a convolution as 1 x 1, k x k in fewer channels, and 1 x 1.

    inputs (ri, I, 1...)   core (ro, ri, k...)   outputs (O, ro, 1...)

The core takes over stride, dilation and padding. Where ro = O or ri = I that factor would be a
change of basis without a saving: it is left out and the core keeps the channels as they are.
"""

import math

import numpy as np

from lathe.techniques.decompose import DecomposeTucker
from worker.engine.decompose.layer import Counts, Layer, Sizes
from worker.engine.decompose.row import Energies, Factor, Ranks, Row
from worker.engine.decompose.shelf import Shelf
from worker.engine.decompose.tucker import Bases, Doubles, bases, factors, kept
from worker.engine.decompose.vbmf import vbmf_rank
from worker.engine.layerwise.site import Floats

NO_AXES = frozenset[int]()
MOST_RANKS = 128  # of a side, so that all pairs of all layers fit in memory


class ByTucker:
    """A Method; a rank is (ro, ri)."""

    least_energy = 0.0

    def __init__(self, spec: DecomposeTucker, shelf: Shelf) -> None:
        self.round_to = spec.round_to
        self.iterations = spec.iterations
        self.shelf = shelf

    def refusal(self, layer: Layer) -> str | None:
        """Matrices, 1 x 1 and grouped convolutions stay."""
        return no_kernel(layer)

    def most(self, layer: Layer) -> Ranks:
        """The channels of both sides."""
        return layer.site.shape[:2]

    def ranks(self, layer: Layer) -> Counts:
        """All pairs of multiples of `round_to`, coarser on long sides, and of whole sides."""
        steps = ((size, self._step(size)) for size in self.most(layer))
        sides = (np.unique([*range(step, size, step), size]) for size, step in steps)
        return np.stack(np.meshgrid(*sides, indexing="ij"), axis=-1).reshape(-1, 2)

    def _step(self, size: int) -> int:
        return self.round_to * math.ceil(size / (self.round_to * MOST_RANKS))

    def sizes(self, layer: Layer, ranks: Counts) -> Sizes:
        """Three factors; one that is left out has no elements."""
        outputs, inputs, *kernel = layer.site.shape
        ro, ri = ranks.T
        elements = (
            np.where(ri < inputs, ri * inputs, 0),
            ro * ri * math.prod(kernel),
            np.where(ro < outputs, outputs * ro, 0),
        )
        return Sizes(elements, (NO_AXES, layer.axes, layer.axes))

    def energies(self, layer: Layer, weight: Floats, ranks: Counts) -> Energies:
        """Of the truncation; iterations only add to it."""
        _, table = self._bases(layer, weight)
        return table[ranks[:, 0] - 1, ranks[:, 1] - 1]

    def vbmf(self, layer: Layer, weight: Floats) -> Ranks:
        """Of both unfoldings."""
        outputs, inputs, *kernel = layer.site.shape
        found, points = self._bases(layer, weight)[0], math.prod(kernel)
        return (
            vbmf_rank(np.sqrt(found.output_energies), outputs, inputs * points),
            vbmf_rank(np.sqrt(found.input_energies), inputs, outputs * points),
        )

    def row(self, layer: Layer, weight: Floats, rank: Ranks) -> Row:
        """One, two or three layers."""
        outputs, inputs, *kernel = layer.site.shape
        found, _ = self._bases(layer, weight)
        ro, ri = rank
        flat = _flat(weight)
        made = factors(flat, found, (ro, ri), self.iterations)
        up, core, down, energy = made
        if ro == outputs:
            core = np.einsum("oa,abp->obp", up, core)
        if ri == inputs:
            core = np.einsum("abp,ib->aip", core, down)
        ones = [1] * len(kernel)
        row = [Factor(_float(core.reshape(ro, ri, *kernel)), tuple(sorted(layer.axes)))]
        if ri < inputs:
            row.insert(0, Factor(_float(down.T.reshape(ri, inputs, *ones))))
        if ro < outputs:
            row.append(Factor(_float(up.reshape(outputs, ro, *ones))))
        return Row(tuple(row), energy)

    def _bases(self, layer: Layer, weight: Floats) -> tuple[Bases, Doubles]:
        def found() -> tuple[Doubles, ...]:
            flat = _flat(weight)
            made = bases(flat)
            table = kept(flat, made)
            return (
                made.outputs, made.inputs, made.output_energies, made.input_energies, table
            )  # fmt: skip

        *both, table = self.shelf.of(layer.name, found)
        return Bases(*both), table


def no_kernel(layer: Layer) -> str | None:
    """Why a layer is not one kernel of several points in all of its channels."""
    if not layer.convolves:
        return "it is no convolution; decompose.svd takes it"
    if layer.site.groups > 1:
        return "its channels are convolved in groups; decompose.svd takes it"
    if math.prod(layer.site.shape[2:]) == 1:
        return "its kernel is one point; decompose.svd takes it"
    return None


def _flat(weight: Floats) -> Floats:
    """(O, I, points)"""
    return weight.reshape(*weight.shape[:2], -1)


def _float(values: Doubles) -> Floats:
    return np.ascontiguousarray(values, np.float32)
