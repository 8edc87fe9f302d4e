"""The row of smaller layers that takes a layer's place, and how one is made."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from worker.engine.decompose.layer import Counts, Layer, Sizes
from worker.engine.layerwise.site import Floats

Energies = NDArray[np.float64]
Ranks = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Factor:
    """One layer of the row: its weight as the file lays it out, and of a convolution its
    groups and the `axes` whose stride, dilation and padding it takes over."""

    weight: Floats
    axes: tuple[int, ...] = ()
    groups: int = 1


@dataclass(frozen=True, slots=True)
class Row:
    """The factors in the order in which they compute, and the fraction of energy they keep.
    `shift` (outputs,) is to be added to the bias, where the layer has one that may move."""

    factors: tuple[Factor, ...]
    energy: float
    shift: Floats | None = None


class Method(Protocol):
    """One decomposition. Ranks are the rows of (n, 1) arrays, for Tucker-2 (n, 2); a Conv's
    weight comes as (O, I / g, k...), a matrix as the file has it. A rank that keeps less than
    `least_energy` is not taken; one that is found becomes a multiple of `round_to`."""

    least_energy: float
    round_to: int

    def refusal(self, layer: Layer) -> str | None:
        """Why the layer cannot be decomposed like this, whatever the rank."""

    def most(self, layer: Layer) -> Ranks:
        """The largest rank there is."""

    def ranks(self, layer: Layer) -> Counts:
        """All that may be chosen from."""

    def sizes(self, layer: Layer, ranks: Counts) -> Sizes:
        """What the factors of these ranks cost."""

    def energies(self, layer: Layer, weight: Floats, ranks: Counts) -> Energies:
        """(n,) the fraction of the layer's energy that each keeps."""

    def vbmf(self, layer: Layer, weight: Floats) -> Ranks:
        """The rank that stands out from noise; 0 where nothing does."""

    def row(self, layer: Layer, weight: Floats, rank: Ranks) -> Row:
        """The factors of that rank."""
