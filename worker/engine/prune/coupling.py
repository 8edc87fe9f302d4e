"""Channels that must go together, as plain values.

A group is a set of units. A unit is one channel of the layer the group starts from with
everything coupled to it: the rows of the layers that make it, the columns of the layers
that read it, the entries of norms it passes through.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Side = Literal["out", "in", "through"]
Axis = tuple[str, Side]
Kept = NDArray[np.bool_]
ELSEWHERE = -1


@dataclass(frozen=True, slots=True)
class Member:
    """One axis of one module.

    `path` is the module's name, or a free parameter's; `side` is its output axis, its input
    axis, or the one axis of what channels pass through (norms, depthwise convolutions, free
    parameters). `unit[position]` is the unit that a position of the axis belongs to, or
    ELSEWHERE where it is no part of this group.
    """

    path: str
    side: Side
    unit: NDArray[np.int64]

    @property
    def axis(self) -> Axis:
        """What this member cuts."""
        return self.path, self.side

    def keeps(self, kept: Kept) -> Kept:
        """Which positions stay when the units `kept` stay."""
        stays: Kept = (self.unit == ELSEWHERE) | kept[self.unit]
        return stays


@dataclass(frozen=True, slots=True)
class Group:
    """`units` coupled channels and where each of them lies."""

    units: int
    members: tuple[Member, ...]

    def everything(self) -> Kept:
        """The mask that keeps every unit."""
        return np.ones(self.units, dtype=np.bool_)


@dataclass(frozen=True, slots=True)
class LeftAlone:
    """A layer whose output channels are not touched, and why."""

    path: str
    reason: str


def positions(groups: Sequence[Group], kept: Sequence[Kept]) -> dict[Axis, Kept]:
    """Which positions of each cut axis stay; an axis may lie in several groups (Concat)."""
    masks: dict[Axis, Kept] = {}
    for group, units in zip(groups, kept, strict=True):
        for member in group.members:
            mask = member.keeps(units)
            masks[member.axis] = masks[member.axis] & mask if member.axis in masks else mask
    return masks


def narrowed(groups: Sequence[Group], kept: Sequence[Kept]) -> list[Group]:
    """The same groups after the cut: units and positions are counted anew."""
    masks = positions(groups, kept)
    return [
        Group(
            units=int(units.sum()),
            members=tuple(
                _narrowed(member, units, masks[member.axis]) for member in group.members
            ),
        )
        for group, units in zip(groups, kept, strict=True)
    ]


def _narrowed(member: Member, units: Kept, stays: Kept) -> Member:
    number = np.where(units, np.cumsum(units) - 1, ELSEWHERE)
    left = member.unit[stays]
    return Member(
        path=member.path,
        side=member.side,
        unit=np.where(left == ELSEWHERE, ELSEWHERE, number[left]),
    )


def producers(groups: Iterable[Group]) -> list[str]:
    """Paths of the modules whose output channels the groups cut, each once."""
    return list(
        dict.fromkeys(m.path for group in groups for m in group.members if m.side == "out")
    )


def narrowed_layers(
    layers: Mapping[str, str], groups: Sequence[Group], kept: Sequence[Kept]
) -> dict[str, int]:
    """Layer ids whose output channels became fewer, with the channels that are left; `layers`
    maps ids to paths."""
    left = {
        path: int(stays.sum())
        for (path, side), stays in positions(groups, kept).items()
        if side != "in" and not stays.all()
    }
    return {layer: left[path] for layer, path in layers.items() if path in left}
