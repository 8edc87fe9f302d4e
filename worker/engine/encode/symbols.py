"""The writing half of lathe.packed.symbols."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lathe.packed import lanes
from lathe.packed.symbols import Method
from worker.engine.encode.fixed_width import encode_fixed_width, fixed_width_bytes
from worker.engine.encode.ranged import encode_ranged
from worker.engine.encode.varint import varint

Codes = NDArray[np.int32]
Profile = Literal["fast", "small"]

MOST_STEPS: dict[Profile, int] = {"fast": 1 << 13, "small": lanes.MOST_STEPS}


def encode_symbols(codes: Codes, *, profile: Profile) -> bytes:
    """`codes` (rows, columns) so that lathe.packed.decode_symbols gives them back exactly."""
    return encode_matrices([codes], profile=profile)


def encode_matrices(matrices: Sequence[Codes], *, profile: Profile) -> bytes:
    """Several matrices in one stream, which costs less than one stream each.

    "fast" decodes as vectors; "small" takes whatever method is smallest for each matrix.
    """
    tags, sections = bytearray(), list[bytes]()
    for matrix in matrices:
        if matrix.any():
            method, section = _smallest(matrix, MOST_STEPS[profile])
            tags.append(method)
            sections.append(section)
        elif matrix.size:
            tags.append(Method.ZERO)
    lengths = b"".join(varint(len(section)) for section in sections[:-1])
    return bytes(tags) + lengths + b"".join(sections)


def _smallest(codes: Codes, most_steps: int) -> tuple[Method, bytes]:
    """The shorter of the methods that decode as vectors."""
    ranged = encode_ranged(codes, most_steps)
    if fixed_width_bytes(codes) <= len(ranged):
        return Method.FIXED_WIDTH, encode_fixed_width(codes)
    return Method.RANGED, ranged
