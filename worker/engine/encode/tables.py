"""Byte weights for tables of frequencies, and what tokens cost by them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lathe.packed.frequencies import PRECISION, TOTAL, frequencies
from lathe.packed.ranged import shared_table

HEAVIEST = 255
FULL = 1 + 16 * PRECISION  # the weight of 4096, times 16


@dataclass(frozen=True, eq=False)
class Tables:
    """Frequencies (tables, tokens) and the bytes that say them."""

    frequencies: NDArray[np.int64]
    written: bytes
    shared: bool = False

    def bits(self, counts: NDArray[np.int64]) -> float:
        """What `counts` (tables, tokens) of each token cost, the tables included."""
        seen = counts > 0
        chosen = PRECISION - np.log2(self.frequencies[seen])
        return float((counts[seen] * chosen).sum()) + 8 * len(self.written)


def own_tables(counts: NDArray[np.int64]) -> Tables:
    """A table of its own for each row of `counts` (tables, tokens)."""
    weights = np.stack([weigh(row) for row in counts])
    made = np.stack([frequencies(row) for row in weights])
    return Tables(made, bytes([counts.shape[1] - 1]) + weights.tobytes())


def shared_tables(counts: NDArray[np.int64]) -> Tables:
    """Tables that differ in the share of zero only."""
    weights = weigh(counts[:, 1:].sum(0))
    share = 1 - counts[:, 0] / np.maximum(counts.sum(1), 1)
    most = np.where(counts[:, 0] > 0, FULL - 1, FULL)  # a zero that occurs keeps a frequency
    nearest = 1 + np.rint(16 * np.log2(np.maximum(TOTAL * share, 1)))
    nonzero = np.where(share > 0, np.minimum(nearest, most), 0).astype(np.uint8)
    made = np.stack([shared_table(int(byte), weights) for byte in nonzero])
    written = bytes([counts.shape[1] - 1]) + nonzero.tobytes() + weights.tobytes()
    return Tables(made, written, shared=True)


def weigh(counts: NDArray[np.int64]) -> NDArray[np.uint8]:
    """The byte of each count, in steps of 2**(1/16): the largest 255, any but 0 at least 1."""
    weights = np.zeros(len(counts), np.uint8)
    seen = counts > 0
    if seen.any():
        below = np.rint(16 * np.log2(counts[seen] / counts.max()))
        weights[seen] = np.maximum(1, HEAVIEST + below)
    return weights
