"""The classic to compare with: gaps and values under two Huffman codes.

Han, Mao and Dally, "Deep Compression", arXiv:1510.00149, sections 3 and 5: the codes are
walked row by row, a nonzero code is written as its distance to the one before and its value;
a distance beyond 2**b - 1 is bridged by filler zeros (b = 8 for convolutions, 5 for the rest;
here whichever is smaller). Each table counts a symbol's bytes and 4 bits for its length.
"""

import heapq
from itertools import count

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.int32]

GAP_BITS = (5, 8)
LENGTH_BITS = 4  # of a symbol in a table


def huffman_bytes(codes: Codes) -> int:
    """The bytes that `codes` (rows, columns) take by gaps and values, tables included."""
    flat = codes.ravel()
    places = np.flatnonzero(flat)
    if not places.size:
        return 0
    return min(_bytes(places, flat[places], bits) for bits in GAP_BITS)


def code_lengths(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """The Huffman code length in bits of each symbol by its count (at least 1): 1 if alone.

    Huffman, "A method for the construction of minimum-redundancy codes", 1952.
    """
    lengths = np.zeros(len(counts), np.int64)
    if len(counts) == 1:
        return lengths + 1
    order = count()
    heap = [(int(times), next(order), [symbol]) for symbol, times in enumerate(counts)]
    heapq.heapify(heap)
    while len(heap) > 1:
        rare, _, left = heapq.heappop(heap)
        next_rare, _, right = heapq.heappop(heap)
        lengths[left + right] += 1
        heapq.heappush(heap, (rare + next_rare, next(order), left + right))
    return lengths


def _bytes(places: NDArray[np.int64], values: Codes, gap_bits: int) -> int:
    reach = 1 << gap_bits
    gaps = np.diff(places, prepend=-1) - 1
    fillers = int((gaps // reach).sum())  # each a gap of reach - 1 and the value 0
    written_gaps = np.concatenate([gaps % reach, np.full(fillers, reach - 1)])
    written_values = np.concatenate([values, np.zeros(fillers, np.int32)])
    value_bits = 8 * (1 + int(np.abs(values.astype(np.int64)).max()).bit_length() // 8)
    bits = _code_bits(written_gaps, gap_bits) + _code_bits(written_values, value_bits)
    return -(-bits // 8)


def _code_bits(symbols: NDArray[np.int64] | Codes, symbol_bits: int) -> int:
    """The bits of all symbols and of the table that says their codes."""
    _, counts = np.unique(symbols, return_counts=True)
    table = len(counts) * (symbol_bits + LENGTH_BITS)
    return int((code_lengths(counts) * counts).sum()) + table
