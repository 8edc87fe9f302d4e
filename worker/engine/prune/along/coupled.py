"""Axes that must be cut together, as plain values.

A unit (an attention head, a hidden unit of an LSTM) owns positions of an axis of every value
that it is part of: of weights, of biases, of what is computed from them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worker.engine.prune.coupling import ELSEWHERE, Kept

Units = NDArray[np.int64]
Place = tuple[str, int]


class NotCuttable(Exception):  # noqa: N818 - a reason, caught where units are looked for
    """Why units cannot be cut out."""


@dataclass(frozen=True, slots=True, eq=False)
class Along:
    """`unit[position]` of axis `axis` of `value` is the unit that owns the position, or
    ELSEWHERE. `heard` where a node that reads `value` adds up over the axis. Zeros at a unit's
    positions of a constant are then the same as not hearing the unit; a computed value has
    its sums, norms and means taken over fewer positions."""

    value: str
    axis: int
    unit: Units
    heard: bool = False

    @property
    def place(self) -> Place:
        """What is cut."""
        return self.value, self.axis

    def keeps(self, kept: Kept) -> Kept:
        """Which positions stay when the units `kept` stay."""
        stays: Kept = (self.unit == ELSEWHERE) | kept[self.unit]
        return stays

    def joined(self, other: "Along") -> "Along":
        """Both, of one axis: positions that are ELSEWHERE in one are what the other says.

        Raises NotCuttable where they differ.
        """
        if len(self.unit) != len(other.unit):
            raise NotCuttable(f"the sizes of {self.value} are unclear")
        both = (self.unit != ELSEWHERE) & (other.unit != ELSEWHERE)
        if (self.unit[both] != other.unit[both]).any():
            raise NotCuttable(f"{self.value} mixes them")
        unit = np.where(self.unit == ELSEWHERE, other.unit, self.unit)
        return Along(self.value, self.axis, unit, self.heard or other.heard)

    def same(self, other: "Along") -> bool:
        """Whether `other`, of the same axis, says nothing else."""
        return self.heard == other.heard and np.array_equal(self.unit, other.unit)


@dataclass(frozen=True, slots=True)
class Coupled:
    """`units` units and everything they lie along. `name` is what people know the place by,
    the id of a layer. `weights` are constants, `values` what is computed."""

    name: str
    units: int
    weights: tuple[Along, ...]
    values: tuple[Along, ...]

    @property
    def readers(self) -> tuple[Along, ...]:
        """The weights through which the units are heard."""
        return tuple(along for along in self.weights if along.heard)

    def everything(self) -> Kept:
        """The mask that keeps every unit."""
        return np.ones(self.units, np.bool_)


def stays(alongs: Iterable[tuple[Along, Kept]]) -> dict[Place, Kept]:
    """Which positions of each axis stay, given which units stay; several groups may lie along
    one axis."""
    masks: dict[Place, Kept] = {}
    for along, kept in alongs:
        mask = along.keeps(kept)
        masks[along.place] = masks[along.place] & mask if along.place in masks else mask
    return masks


def of_weights(groups: Sequence[Coupled], kept: Sequence[Kept]) -> dict[Place, Kept]:
    """Which positions of each cut axis of the constants stay."""
    pairs = zip(groups, kept, strict=True)
    return stays((along, units) for group, units in pairs for along in group.weights)


def of_values(groups: Sequence[Coupled], kept: Sequence[Kept]) -> dict[Place, Kept]:
    """Which positions of each cut axis of computed values stay."""
    pairs = zip(groups, kept, strict=True)
    return stays((along, units) for group, units in pairs for along in group.values)
