"""The writing half of lathe.packed.lanes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lathe.packed.frequencies import PRECISION
from lathe.packed.lanes import LOWEST


@dataclass(frozen=True, eq=False)
class Run:
    """Tokens in order, the table of each, and the tables (tables, tokens)."""

    tokens: NDArray[np.uint8]
    contexts: NDArray[np.uint8]
    tables: NDArray[np.int64]


def write_lanes(runs: Sequence[Run], lanes: int) -> bytes:
    """What Lanes.take gives back run after run, each run beginning at the first lane."""
    states = np.full(lanes, LOWEST, np.uint64)
    words: list[NDArray[np.uint64]] = []
    for run in reversed(runs):
        starts = np.cumsum(run.tables, axis=1) - run.tables
        last = (len(run.tokens) - 1) // lanes * lanes
        for at in range(last, -1, -lanes):
            where = run.contexts[at : at + lanes], run.tokens[at : at + lanes]
            frequency = run.tables[where].astype(np.uint64)
            words.append(_put(states[: len(frequency)], frequency, starts[where]))
    flat = np.concatenate([*words[::-1], np.zeros(0, np.uint64)])
    return states.astype("<u4").tobytes() + flat.astype("<u2").tobytes()


def _put(
    states: NDArray[np.uint64], frequency: NDArray[np.uint64], start: NDArray[np.int64]
) -> NDArray[np.uint64]:
    """Push one token of each lane; the words that had to leave, in the order of the lanes."""
    high = np.flatnonzero(states >= frequency << np.uint64(32 - PRECISION))
    words = states[high] & np.uint64(0xFFFF)
    states[high] >>= np.uint64(16)
    quotient, rest = np.divmod(states, frequency)
    states[:] = (quotient << np.uint64(PRECISION)) + rest + start.astype(np.uint64)
    return words
