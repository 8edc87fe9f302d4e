"""Matrices of integers, decoded exactly: one matrix, or several that share a stream.

The shapes are the caller's to know; the stream says the rest. Byte by byte:

    stream  = tags, lengths, sections
    tags    = one byte for each matrix that has elements, in order: its method
                0  every code is zero          no section
                1  fixed width                 a section (fixed_width.py)
                2  ranged                      a section (ranged.py)
    lengths = the byte count of each section but the last, as a varint (varint.py)
    sections = one for each matrix whose method has one, in order

Every count is checked against what is there before anything is allocated by it, so memory
stays within a small multiple of the codes asked for, and time is linear in them.
"""

from collections.abc import Sequence
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from lathe.errors import CorruptPacked
from lathe.packed.fixed_width import decode_fixed_width
from lathe.packed.ranged import decode_ranged
from lathe.packed.varint import read_varint


class Method(IntEnum):
    """How the codes of one matrix are written: its tag in the stream."""

    ZERO = 0
    FIXED_WIDTH = 1
    RANGED = 2


def decode_symbols(data: memoryview, rows: int, columns: int) -> NDArray[np.int32]:
    """The one matrix (rows, columns) that `encode_symbols` wrote; raises CorruptPacked."""
    return decode_matrices(data, [(rows, columns)])[0]


def decode_matrices(
    data: memoryview, shapes: Sequence[tuple[int, int]]
) -> list[NDArray[np.int32]]:
    """The matrices of these (rows, columns) of `encode_matrices`; raises CorruptPacked."""
    present = [index for index, (rows, columns) in enumerate(shapes) if rows * columns]
    if len(data) < len(present):
        raise CorruptPacked(f"{len(data)} bytes for {len(present)} matrices")
    tagged = zip(present, [_method(tag) for tag in data[: len(present)]], strict=True)
    own = [(index, method) for index, method in tagged if method is not Method.ZERO]
    sections = _sections(data, len(present), len(own))
    matrices = [np.zeros(shape, np.int32) for shape in shapes]
    for (index, method), section in zip(own, sections, strict=True):
        decode = decode_ranged if method is Method.RANGED else decode_fixed_width
        matrices[index] = decode(section, *shapes[index])
    return matrices


def _method(tag: int) -> Method:
    try:
        return Method(tag)
    except ValueError:
        raise CorruptPacked(f"method {tag} is not known") from None


def _sections(data: memoryview, at: int, count: int) -> list[memoryview]:
    """The `count` sections whose lengths stand at `at`; the last takes the rest."""
    lengths = []
    for _ in range(count - 1):
        length, at = read_varint(data, at)
        lengths.append(length)
    if sum(lengths) > len(data) - at or (not count and at != len(data)):
        raise CorruptPacked("the sections do not fill the stream")
    sections = []
    for length in [*lengths, len(data) - at - sum(lengths)][:count]:
        sections.append(data[at : at + length])
        at += length
    return sections
