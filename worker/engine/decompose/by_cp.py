"""decompose.cp: a convolution as 1 x 1, one axis of the kernel after the other, and 1 x 1.

    inputs (R, I, 1...)   axis by axis (R, 1, .. k_j ..) in R groups   outputs (O, R, 1...)

An axis of one point has no factor of its own: its stride and padding go with the first axis
that has more, its numbers into the inputs'.
"""

from collections.abc import Sequence

import numpy as np

from lathe.techniques.decompose import DecomposeCp
from worker.engine.decompose.by_tucker import no_kernel
from worker.engine.decompose.cp import Doubles, fit, highest, ladder
from worker.engine.decompose.layer import Counts, Layer, Sizes
from worker.engine.decompose.row import Energies, Factor, Ranks, Row
from worker.engine.decompose.tucker import bases
from worker.engine.decompose.vbmf import vbmf_rank
from worker.engine.layerwise.site import Floats

Axis = tuple[int, ...]


class ByCp:
    """A Method. Every fit starts from `seed`, so that the same rank is the same fit."""

    def __init__(self, spec: DecomposeCp, seed: int) -> None:
        self.least_energy = spec.min_energy
        self.round_to = spec.round_to
        self.iterations = spec.iterations
        self.seed = seed

    def refusal(self, layer: Layer) -> str | None:
        """Matrices, 1 x 1 and grouped convolutions stay."""
        return no_kernel(layer)

    def most(self, layer: Layer) -> Ranks:
        """What is enough for every kernel of this shape."""
        return (highest(layer.site.shape),)

    def ranks(self, layer: Layer) -> Counts:
        """A ladder of multiples of `round_to`, for each of them is a fit."""
        return (
            self.round_to
            * np.array(ladder(self.most(layer)[0] // self.round_to), np.int64)[:, None]
        )

    def sizes(self, layer: Layer, ranks: Counts) -> Sizes:
        """The inputs' factor, one an axis, the outputs'."""
        outputs, inputs, *kernel = layer.site.shape
        rank = ranks[:, 0]
        elements, carried = [rank * inputs], [frozenset[int]()]
        for axes in _turns(kernel):
            elements.append(rank * max(kernel[axis] for axis in axes))
            carried.append(carried[-1] | set(axes))
        return Sizes((*elements, rank * outputs), (*carried, layer.axes))

    def energies(self, _: Layer, weight: Floats, ranks: Counts) -> Energies:
        """One fit each."""
        kernel = weight.astype(np.float64)
        fits = (fit(kernel, int(rank), self.iterations, self.seed) for rank in ranks[:, 0])
        return np.array([one.energy for one in fits])

    def vbmf(self, _: Layer, weight: Floats) -> Ranks:
        """The larger of the unfoldings' of outputs and inputs: no CP rank is below either."""
        flat = weight.reshape(*weight.shape[:2], -1)
        outputs, inputs, points = flat.shape
        found = bases(flat)
        return (
            max(
                vbmf_rank(np.sqrt(found.output_energies), outputs, inputs * points),
                vbmf_rank(np.sqrt(found.input_energies), inputs, outputs * points),
            ),
        )

    def row(self, _: Layer, weight: Floats, rank: Ranks) -> Row:
        """As many layers as the kernel has axes of several points, and two."""
        found = fit(weight.astype(np.float64), rank[0], self.iterations, self.seed)
        kernel = weight.shape[2:]
        outputs, inputs, *spatial = found.factors
        for axis, size in enumerate(kernel):
            if size == 1:
                inputs = inputs * spatial[axis]
        ones = [1] * len(kernel)
        row = [Factor(_float(inputs.T.reshape(rank[0], -1, *ones)))]
        for axes in _turns(kernel):
            sides = [size if axis in axes else 1 for axis, size in enumerate(kernel)]
            long = spatial[max(axes, key=lambda axis: kernel[axis])]
            row.append(Factor(_float(long.T.reshape(rank[0], 1, *sides)), axes, rank[0]))
        row.append(Factor(_float(outputs.reshape(-1, rank[0], *ones))))
        return Row(tuple(row), found.energy)


def _turns(kernel: Sequence[int]) -> list[Axis]:
    """Which axes each of the depthwise layers takes."""
    long = [axis for axis, size in enumerate(kernel) if size > 1]
    short = [axis for axis, size in enumerate(kernel) if size == 1]
    return [tuple(sorted((*short, long[0]))), *((axis,) for axis in long[1:])]


def _float(values: Doubles) -> Floats:
    return np.ascontiguousarray(values, np.float32)
