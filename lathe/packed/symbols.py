"""Matrices of integers, decoded exactly: one matrix, or several that share a stream.

The shapes are the caller's to know; the stream says the rest. Byte by byte:

    stream  = tags, lengths, sections
    tags    = two bits for each matrix that has elements, in order, four in a byte, the first
              in the lowest bits, unused bits zero: its method
                0  every code is zero          no section
                1  fixed width                 a section (fixed_width.py)
                2  ranged                      all such matrices share one section
                3  adaptive                    all such matrices share one section
    lengths = the byte count of each section but the last, as a varint (varint.py)
    sections = one for each matrix of method 1, in order; then, where there are any, that of all
               of method 2 (ranged.py); then that of all of method 3, one matrix after the
               other (adaptive.py, binary.py)

Every count is checked against what is there before anything is allocated by it, so memory
stays within a small multiple of the codes asked for, and time is linear in them. A bit of an
adaptive matrix takes microseconds, so those of a whole file may together be as much work as
786,432 bits: each bit is one, a row that is not masked as many more as adaptive.py says.
"""

from collections.abc import Sequence
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from lathe.errors import CorruptPacked
from lathe.packed.adaptive import AdaptiveReader
from lathe.packed.binary import BinaryDecoder, Work
from lathe.packed.fixed_width import decode_fixed_width
from lathe.packed.ranged import decode_ranged
from lathe.packed.varint import read_varint


class Method(IntEnum):
    """How the codes of one matrix are written: its tag in the stream."""

    ZERO = 0
    FIXED_WIDTH = 1
    RANGED = 2
    ADAPTIVE = 3


PER_BYTE = 4  # tags


def decode_symbols(data: memoryview, rows: int, columns: int) -> NDArray[np.int32]:
    """The one matrix (rows, columns) that `encode_symbols` wrote; raises CorruptPacked."""
    return decode_matrices(data, [(rows, columns)])[0]


def decode_matrices(
    data: memoryview, shapes: Sequence[tuple[int, int]], work: Work | None = None
) -> list[NDArray[np.int32]]:
    """The matrices of these (rows, columns) of `encode_matrices`; raises CorruptPacked.

    `work` is what the streams of one file share; without it this stream is alone.
    """
    matrices = [np.zeros(shape, np.int32) for shape in shapes]
    present = [index for index, matrix in enumerate(matrices) if matrix.size]
    methods = dict(zip(present, _methods(data, len(present)), strict=True))
    fixed, ranged, adaptive = (
        [index for index in present if methods[index] is method]
        for method in (Method.FIXED_WIDTH, Method.RANGED, Method.ADAPTIVE)
    )
    count = len(fixed) + bool(ranged) + bool(adaptive)
    sections = iter(_sections(data, -(-len(present) // PER_BYTE), count))
    for index in fixed:
        matrices[index] = decode_fixed_width(next(sections), *shapes[index])
    if ranged:
        found = decode_ranged(next(sections), [shapes[index] for index in ranged])
        for index, matrix in zip(ranged, found, strict=True):
            matrices[index] = matrix
    if adaptive:
        bits = BinaryDecoder(next(sections), work)
        reader = AdaptiveReader(bits)
        for index in adaptive:
            matrices[index] = reader.read(*shapes[index])
        bits.close()
    return matrices


def _methods(data: memoryview, count: int) -> list[Method]:
    size_bytes = -(-count // PER_BYTE)
    if len(data) < size_bytes:
        raise CorruptPacked(f"{len(data)} bytes for {count} matrices")
    tags = [tag >> 2 * place & 3 for tag in data[:size_bytes] for place in range(PER_BYTE)]
    if any(tags[count:]):
        raise CorruptPacked("there are more methods than matrices")
    return [Method(tag) for tag in tags[:count]]


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
