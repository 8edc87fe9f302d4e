"""The writing half of lathe.packed.symbols."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lathe.packed.symbols import Method
from worker.engine.encode.fixed_width import encode_fixed_width
from worker.engine.encode.varint import varint

Codes = NDArray[np.int32]
Profile = Literal["fast", "small"]


def encode_symbols(codes: Codes, *, profile: Profile) -> bytes:
    """`codes` (rows, columns) so that lathe.packed.decode_symbols gives them back exactly."""
    return encode_matrices([codes], profile=profile)


def encode_matrices(matrices: Sequence[Codes], *, profile: Profile) -> bytes:  # noqa: ARG001 - two methods so far fit both
    """Several matrices in one stream, which costs less than one stream each.

    "fast" decodes as vectors; "small" takes whatever method is smallest for each matrix.
    """
    present = [matrix for matrix in matrices if matrix.size]
    tags, sections = bytearray(), list[bytes]()
    for matrix in present:
        if matrix.any():
            tags.append(Method.FIXED_WIDTH)
            sections.append(encode_fixed_width(matrix))
        else:
            tags.append(Method.ZERO)
    lengths = b"".join(varint(len(section)) for section in sections[:-1])
    return bytes(tags) + lengths + b"".join(sections)
