"""decompose.svd: a layer as two, through fewer channels.

    operator               matrix (groups, rows, columns)       first             second
    Gemm, MatMul           (1, out, in)                         r x in            out x r
    Conv, 1 x 1            (g, O/g, I/g)                        1 x 1             1 x 1
    Conv, channels         (g, O/g, I/g * k...)                 k...              1 x 1
    Conv, spatial          (g, O/g * k_2..., I/g * k_1)         k_1 x 1           1 x k_2...

Spatial: Tai, Xiao, Zhang, Wang and E, "Convolutional Neural Networks with Low-rank
Regularization", ICLR 2016, arXiv:1511.06067, proposition 1: the best separable filters of
Jaderberg, Vedaldi and Zisserman (arXiv:1405.3866, scheme 2) in closed form. The first takes
stride, dilation and padding of the first axis, the second those of the others; without a bias
between, what is padded with zeros stays zero. In groups, each has the same rank.
"""

import math
from collections.abc import Mapping

import numpy as np

from lathe.techniques.decompose import DecomposeSvd
from worker.engine.decompose.felt import Felt
from worker.engine.decompose.layer import Axes, Counts, Layer, Sizes
from worker.engine.decompose.row import Energies, Factor, Ranks, Row
from worker.engine.decompose.shelf import Shelf
from worker.engine.decompose.singular import Basis, Doubles, basis, factors
from worker.engine.decompose.vbmf import vbmf_rank
from worker.engine.layerwise.site import Floats, Site


class BySvd:
    """A Method. `felt` has by layer what is known of its inputs, where outputs are to count."""

    least_energy = 0.0

    def __init__(self, spec: DecomposeSvd, shelf: Shelf, felt: Mapping[str, Felt]) -> None:
        self.round_to = spec.round_to
        self.spatial = spec.splits == "spatial"
        self.shelf = shelf
        self.felt = felt

    def refusal(self, _: Layer) -> str | None:
        """None: every layer is some matrix."""
        return None

    def most(self, layer: Layer) -> Ranks:
        """The matrix's shorter side."""
        _, rows, columns = self._shape(layer.site)
        return (min(rows, columns),)

    def ranks(self, layer: Layer) -> Counts:
        """All multiples of `round_to`."""
        return np.arange(self.round_to, self.most(layer)[0] + 1, self.round_to)[:, None]

    def sizes(self, layer: Layer, ranks: Counts) -> Sizes:
        """Two factors."""
        groups, rows, columns = self._shape(layer.site)
        through = groups * ranks[:, 0]
        return Sizes((through * columns, through * rows), (self._first(layer), layer.axes))

    def energies(self, layer: Layer, weight: Floats, ranks: Counts) -> Energies:
        """Of the weights, or of the outputs where they are known."""
        return self._basis(layer, weight).kept[ranks[:, 0] - 1]

    def vbmf(self, layer: Layer, weight: Floats) -> Ranks:
        """The largest of any group."""
        _, rows, columns = self._shape(layer.site)
        found = self._basis(layer, weight).energies
        return (max(vbmf_rank(np.sqrt(each), rows, columns) for each in found),)

    def row(self, layer: Layer, weight: Floats, rank: Ranks) -> Row:
        """Two layers."""
        found = self._basis(layer, weight)
        matrices = self._matrices(layer.site, weight)
        first, second = factors(matrices, found, rank[0])
        shift = self._shift(layer, matrices, first, second)
        energy = float(found.kept[rank[0] - 1])
        if not layer.convolves:
            turned = layer.site.form == "columns"
            both = (f[0].T if turned else f[0] for f in (first, second))
            return Row(tuple(Factor(np.ascontiguousarray(f)) for f in both), energy, shift)
        groups, near = len(first), self._first(layer)
        inputs, kernel = layer.site.shape[1], layer.site.shape[2:]
        before = [k if axis in near else 1 for axis, k in enumerate(kernel)]
        after = [1 if axis in near else k for axis, k in enumerate(kernel)]
        late = second.reshape(layer.site.shape[0], -1, rank[0]).swapaxes(1, 2)
        return Row(
            (
                Factor(first.reshape(-1, inputs, *before), tuple(sorted(near)), groups),
                Factor(
                    np.ascontiguousarray(late).reshape(-1, rank[0], *after),
                    tuple(sorted(layer.axes - near)),
                    groups,
                ),
            ),
            energy,
            shift,
        )

    def _shift(
        self, layer: Layer, matrices: Floats, first: Floats, second: Floats
    ) -> Floats | None:
        """What the outputs lose on average, (outputs,)."""
        felt = self.felt.get(layer.name)
        if felt is None or felt.mean is None:
            return None
        mean = felt.mean[:, :, None]  # (groups, columns, 1)
        lost = matrices @ mean - second @ (first @ mean)
        return np.asarray(lost.reshape(-1), np.float32)

    def _first(self, layer: Layer) -> Axes:
        """The spatial axes of the first factor."""
        return layer.axes & {0} if self.spatial else layer.axes

    def _shape(self, site: Site) -> tuple[int, int, int]:
        """(groups, rows, columns)"""
        if site.form == "columns":
            return 1, site.shape[1], site.shape[0]
        rows, columns = site.shape[0] // site.groups, math.prod(site.shape[1:])
        if site.form == "convolution" and self.spatial:
            late = math.prod(site.shape[3:])
            return site.groups, rows * late, columns // late
        return site.groups, rows, columns

    def _matrices(self, site: Site, weight: Floats) -> Floats:
        if site.form == "convolution" and self.spatial:
            near = site.shape[1] * math.prod(site.shape[2:3])
            weight = weight.reshape(len(weight), near, -1).swapaxes(1, 2)
            return weight.reshape(self._shape(site))
        return site.matrices(weight)

    def _basis(self, layer: Layer, weight: Floats) -> Basis:
        def found() -> tuple[Doubles, ...]:
            felt = self.felt.get(layer.name)
            moments = None if felt is None else np.load(felt.moments)
            made = basis(self._matrices(layer.site, weight), moments)
            return (made.energies, made.up) + (() if made.down is None else (made.down,))

        return Basis(*self.shelf.of(layer.name, found))
