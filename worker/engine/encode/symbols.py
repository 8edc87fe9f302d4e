"""The writing half of lathe.packed.symbols."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lathe.packed import lanes
from lathe.packed.binary import MOST_WORK, Work
from lathe.packed.settings import Settings
from lathe.packed.symbols import PER_BYTE, Method
from lathe.packed.varint import varint
from worker.engine.encode.adaptive import best_adaptive, least_work, write_adaptive
from worker.engine.encode.fixed_width import encode_fixed_width, fixed_width_bytes
from worker.engine.encode.ranged import Pace, Ranged, ranged, write_ranged

Codes = NDArray[np.int32]
Profile = Literal["fast", "small"]

MOST_SEARCH = 8 * MOST_WORK  # bits that are tried for one file
LEAST_LANE_BYTES = 6  # one lane, how many there are, and the length of a section
PACES: dict[Profile, Pace] = {
    "fast": Pace(most_steps=1 << 13, lane_bytes=512),
    "small": Pace(lanes.MOST_STEPS, lane_bytes=800),
}


@dataclass(frozen=True)
class Effort:
    """What may be done bit by bit for one file: by its reader, and here in looking for the
    best way."""

    work: Work = field(default_factory=Work)
    search: Work = field(default_factory=lambda: Work(MOST_SEARCH))


def encode_symbols(codes: Codes, *, profile: Profile) -> bytes:
    """`codes` (rows, columns) so that lathe.packed.decode_symbols gives them back exactly."""
    return encode_matrices([codes], profile=profile)


def encode_matrices(
    matrices: Sequence[Codes], *, profile: Profile, effort: Effort | None = None
) -> bytes:
    """Several matrices in one stream, which costs less than one stream each.

    "fast" decodes as vectors; "small" takes whatever method is smallest for each matrix,
    as far as `effort` goes, which the streams of one file share.
    """
    parts = [_Part.of(matrix) for matrix in matrices if matrix.size]
    adaptive = _adaptive(parts, effort or Effort()) if profile == "small" else {}
    parts = _worth_lanes(parts, adaptive)
    methods = [
        Method.ADAPTIVE if index in adaptive else part.method
        for index, part in enumerate(parts)
    ]
    tags = bytearray(-(-len(parts) // PER_BYTE))
    for index, method in enumerate(methods):
        tags[index // PER_BYTE] |= method << 2 * (index % PER_BYTE)
    sections = [
        encode_fixed_width(part.codes)
        for part, method in zip(parts, methods, strict=True)
        if method is Method.FIXED_WIDTH
    ]
    laned = [
        part.ranged
        for part, method in zip(parts, methods, strict=True)
        if method is Method.RANGED and part.ranged
    ]
    if laned:
        sections.append(write_ranged(laned, PACES[profile]))
    if adaptive:
        shared = [(parts[index].codes, settings) for index, settings in adaptive.items()]
        sections.append(write_adaptive(shared))
    lengths = b"".join(varint(len(section)) for section in sections[:-1])
    return bytes(tags) + lengths + b"".join(sections)


@dataclass(frozen=True, eq=False)
class _Part:
    """A matrix and how it is smallest as vectors."""

    codes: Codes
    method: Method
    size_bytes: float = 0.0
    ranged: Ranged | None = None

    @classmethod
    def of(cls, codes: Codes) -> "_Part":
        """Without any lanes, which are shared."""
        if not codes.any():
            return cls(codes, Method.ZERO)
        found, fixed_bytes = ranged(codes), fixed_width_bytes(codes)
        if fixed_bytes <= found.size_bytes:
            return cls(codes, Method.FIXED_WIDTH, fixed_bytes)
        return cls(codes, Method.RANGED, found.size_bytes, found)


def _worth_lanes(parts: Sequence[_Part], adaptive: Collection[int]) -> list[_Part]:
    """`parts`, at a fixed width if those that are not adaptive gain less than lanes take."""
    gain = sum(
        fixed_width_bytes(part.codes) - part.size_bytes
        for index, part in enumerate(parts)
        if part.ranged and index not in adaptive
    )
    if gain > LEAST_LANE_BYTES:
        return list(parts)
    return [replace(part, method=Method.FIXED_WIDTH) if part.ranged else part for part in parts]


def _adaptive(parts: Sequence[_Part], effort: Effort) -> dict[int, Settings]:
    """The matrices that are smaller bit by bit, by index: those first that gain most for the
    work, as long as there is work left. The least work is tried first."""
    work = effort.work
    there = [index for index, part in enumerate(parts) if part.size_bytes]
    found = {}
    for index in sorted(there, key=lambda index: least_work(parts[index].codes)):
        best = best_adaptive(parts[index].codes, work.left, effort.search)
        if best is not None:
            found[index] = best
    gains = {index: parts[index].size_bytes - best.size_bytes for index, best in found.items()}
    chosen = set[int]()
    for index in sorted(found, key=lambda index: -gains[index] / found[index].work):
        if gains[index] > 0 and found[index].work <= work.left:
            chosen.add(index)
            work.left -= found[index].work
    return {index: found[index].settings for index in sorted(chosen)}
