"""Numbers in the encoding DELTA_BINARY_PACKED, as far as lengths of texts need it.

In front stand how many numbers a block has, how many miniblocks, how many numbers there are in
all, and the first. A block is its least step, how many bits each miniblock takes a number, and
the miniblocks: by how much each step is more than the least. All counts are of the file's own
saying, and Arrow makes room for them, so they are held against what the page may have.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worker.engine.intake.formats.table.parquet_footer import BadParquetError

MOST_BLOCK = 1 << 12  # numbers; writers take 128 or 256
_MOST_BITS = 32
_SLAB_BITS = 1 << 20  # unpacked at a time, each into eight bytes
_INT32 = range(-(1 << 31), 1 << 31)


@dataclass(frozen=True, slots=True)
class Head:
    """What stands in front; the blocks begin at `at`."""

    block: int
    miniblocks: int
    count: int
    first: int
    at: int


def head(content: bytes, at: int, most: int) -> Head:
    """Of the numbers at `at`, of which there may be `most`. Raises BadParquetError."""
    block, at = _varint(content, at)
    miniblocks, at = _varint(content, at)
    count, at = _varint(content, at)
    first, at = _varint(content, at)
    if not 0 < miniblocks <= block <= MOST_BLOCK or block % (32 * miniblocks):
        raise BadParquetError("are in a delta encoding of odd blocks")
    if count > most:
        raise BadParquetError(f"are in a delta encoding of {count} numbers for {most} values")
    return Head(block, miniblocks, count, _signed(first), at)


def greatest(content: bytes, of: Head) -> tuple[int, int]:
    """Of these lengths, and where they end. Raises BadParquetError."""
    if of.first not in _INT32:
        raise BadParquetError("have texts of more than 32 bits of length")
    steps, at = _steps(content, of)
    lengths = np.cumsum(steps, out=steps)
    lengths += of.first
    low, high = int(lengths.min(initial=of.first)), int(lengths.max(initial=of.first))
    if low < 0 or high not in _INT32:
        raise BadParquetError("have texts of a negative length")
    return high if of.count else 0, at


def _steps(content: bytes, of: Head) -> tuple[NDArray[np.int64], int]:
    least = list[int]()
    packed: dict[int, list[tuple[int, int]]] = {}  # by bits: which miniblock, and where it is
    at, each, left = of.at, of.block // of.miniblocks, of.count - 1
    while left > 0:
        step, at = _zigzag(content, at)
        widths = content[at : at + of.miniblocks]
        at += of.miniblocks
        for number, bits in enumerate(widths, len(least) * of.miniblocks):
            if bits and left > 0:
                packed.setdefault(bits, []).append((number, at))
                at += bits * each // 8
            left -= each
        least.append(step)
        if at > len(content):
            raise BadParquetError("are cut within a delta encoding")
    steps = np.repeat(np.array(least, np.int64), of.block).reshape(-1, each)
    for bits, places in packed.items():
        if bits > _MOST_BITS:
            raise BadParquetError("have lengths of texts of more than 32 bits")
        _add(steps, content, bits, np.array(places))
    return steps.reshape(-1)[: max(0, of.count - 1)], at


def _add(
    steps: NDArray[np.int64], content: bytes, bits: int, places: NDArray[np.int64]
) -> None:
    """What the miniblocks of so many bits a number hold; steps is (miniblocks, numbers)."""
    each = steps.shape[1]
    at_once = max(1, _SLAB_BITS // (each * bits))
    bytes_of_each, weights = np.arange(bits * each // 8), 1 << np.arange(bits)
    data = np.frombuffer(content, np.uint8)
    for start in range(0, len(places), at_once):
        numbers, begins = places[start : start + at_once].T
        found = np.unpackbits(data[begins[:, None] + bytes_of_each], axis=1, bitorder="little")
        steps[numbers] += found.reshape(-1, each, bits) @ weights


def _zigzag(content: bytes, at: int) -> tuple[int, int]:
    value, at = _varint(content, at)
    if _signed(value) not in _INT32:
        raise BadParquetError("are in a delta encoding of numbers beyond 32 bits")
    return _signed(value), at


def _signed(number: int) -> int:
    return (number >> 1) ^ -(number & 1)


def _varint(content: bytes, at: int) -> tuple[int, int]:
    value = bits = 0
    while True:
        if at >= len(content) or bits > 2 * _MOST_BITS:
            raise BadParquetError("are cut within a delta encoding")
        byte = content[at]
        value |= (byte & 127) << bits
        at, bits = at + 1, bits + 7
        if byte < 128:  # noqa: PLR2004 - the bit that says that more follow
            return value, at
