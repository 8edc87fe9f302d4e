"""The writing half of lathe.packed.symbols."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lathe.packed import lanes
from lathe.packed.binary import Work
from lathe.packed.settings import Settings
from lathe.packed.symbols import OWN_SECTION, PER_BYTE, Method
from worker.engine.encode.adaptive import best_adaptive, write_adaptive
from worker.engine.encode.fixed_width import encode_fixed_width, fixed_width_bytes
from worker.engine.encode.ranged import encode_ranged
from worker.engine.encode.varint import varint

Codes = NDArray[np.int32]
Profile = Literal["fast", "small"]

MOST_STEPS: dict[Profile, int] = {"fast": 1 << 13, "small": lanes.MOST_STEPS}


def encode_symbols(codes: Codes, *, profile: Profile) -> bytes:
    """`codes` (rows, columns) so that lathe.packed.decode_symbols gives them back exactly."""
    return encode_matrices([codes], profile=profile)


def encode_matrices(
    matrices: Sequence[Codes], *, profile: Profile, work: Work | None = None
) -> bytes:
    """Several matrices in one stream, which costs less than one stream each.

    "fast" decodes as vectors; "small" takes whatever method is smallest for each matrix.
    `work` is what the streams of one file share, and is spent here as their reader will.
    """
    parts = [_vectors(matrix, MOST_STEPS[profile]) for matrix in matrices if matrix.size]
    adaptive = _adaptive(parts, work or Work()) if profile == "small" else {}
    tags = bytearray(-(-len(parts) // PER_BYTE))
    for index, part in enumerate(parts):
        method = Method.ADAPTIVE if index in adaptive else part.method
        tags[index // PER_BYTE] |= method << 2 * (index % PER_BYTE)
    sections = [
        part.section
        for index, part in enumerate(parts)
        if index not in adaptive and part.method in OWN_SECTION
    ]
    if adaptive:
        shared = [(parts[index].codes, settings) for index, settings in adaptive.items()]
        sections.append(write_adaptive(shared))
    lengths = b"".join(varint(len(section)) for section in sections[:-1])
    return bytes(tags) + lengths + b"".join(sections)


@dataclass(frozen=True, eq=False)
class _Part:
    """A matrix and its smallest section that decodes as vectors."""

    codes: Codes
    method: Method
    section: bytes


def _vectors(codes: Codes, most_steps: int) -> _Part:
    if not codes.any():
        return _Part(codes, Method.ZERO, b"")
    ranged = encode_ranged(codes, most_steps)
    if fixed_width_bytes(codes) <= len(ranged):
        return _Part(codes, Method.FIXED_WIDTH, encode_fixed_width(codes))
    return _Part(codes, Method.RANGED, ranged)


def _adaptive(parts: Sequence[_Part], work: Work) -> dict[int, Settings]:
    """The matrices that are smaller bit by bit, by index: those first that gain most for the
    work, as long as there is work left."""
    found = {
        index: best
        for index, part in enumerate(parts)
        if part.section and (best := best_adaptive(part.codes, work.left)) is not None
    }
    gains = {
        index: len(parts[index].section) - best.size_bytes for index, best in found.items()
    }
    chosen = set[int]()
    for index in sorted(found, key=lambda index: -gains[index] / found[index].work):
        if gains[index] > 0 and found[index].work <= work.left:
            chosen.add(index)
            work.left -= found[index].work
    return {index: found[index].settings for index in sorted(chosen)}
