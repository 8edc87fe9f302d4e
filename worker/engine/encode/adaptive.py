"""The writing half of lathe.packed.adaptive: finds the settings, and writes with them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from math import log

import numpy as np
from numpy.typing import NDArray

from lathe.packed import settings as scale
from lathe.packed.adaptive import LONGEST, AdaptiveReader
from lathe.packed.binary import Work
from lathe.packed.logistic import UNIT
from lathe.packed.settings import Settings
from worker.engine.encode.binary import BinaryEncoder
from worker.engine.encode.cost import coded_bits
from worker.engine.encode.maps import likely_maps
from worker.engine.encode.script import script

Codes = NDArray[np.int32]

MAPS = 2  # that are tried beside one line
SAMPLE = 1 << 14  # codes by which a map is chosen
SURE = 1e-4  # chances nearer to 0 or 1 are taken for this far from it


@dataclass(frozen=True)
class Adaptive:
    """The settings that suit a matrix best, and what they take."""

    settings: Settings
    size_bytes: int
    work: int


def least_work(codes: Codes) -> int:
    """The fewest bits that `codes` (rows, columns) can be: one a live element, two more for
    the sign and the end of each that is not zero."""
    live_rows, live_columns = codes.any(1).sum(), codes.any(0).sum()
    return int(live_rows * live_columns + 2 * np.count_nonzero(codes))


def best_adaptive(codes: Codes, most_work: int, search: Work) -> Adaptive | None:
    """What suits `codes` (rows, columns), not all zeros, best; None where that is more
    than `most_work` or than is left of `search`, or a side is too long. Every try is spent
    from `search`."""
    if max(codes.shape) > LONGEST or least_work(codes) > min(most_work, search.left):
        return None
    live = codes[codes.any(1)][:, codes.any(0)]
    found = _tried(codes, _likely(codes, live, search), search)
    return found if found.work <= most_work else None


def write_adaptive(matrices: Sequence[tuple[Codes, Settings]]) -> bytes:
    """Several matrices in one stream of bits."""
    return _encoded(matrices).finish()


def _likely(codes: Codes, live: Codes, search: Work) -> Settings:
    """The settings that suit a sample best: read by rows or by columns, on which map."""
    rows = Settings(
        density=_density(live),
        magnitude=_magnitude(live),
        transposed=False,
        row_mask=len(live) < len(codes),
        column_mask=live.shape[1] < codes.shape[1],
    )
    columns = replace(rows, row_mask=rows.column_mask, column_mask=rows.row_mask)
    found = []
    if codes.shape[1] > 1:
        found.append(_with_map(codes, rows, search))
    if codes.shape[0] > 1 or not found:
        share, settings = _with_map(codes.T, columns, search)
        found.append((share, replace(settings, transposed=True)))
    return min(found, key=lambda tried: tried[0])[1]


def _with_map(codes: Codes, plain: Settings, search: Work) -> tuple[float, Settings]:
    """`plain` with the map that makes a sample of the rows smallest, and its size as a share
    of what the sample is thought to cost."""
    sample = codes[codes.any(1)][: max(2, SAMPLE // codes.shape[1])]
    maps = likely_maps(codes, MAPS)
    tries = [plain, *(replace(plain, height=height, width=width) for height, width in maps)]
    sizes = [_tried(sample, settings, search).size_bytes for settings in tries]
    best = int(np.argmin(sizes))
    return sizes[best] / coded_bits(sample), tries[best]


def _tried(codes: Codes, settings: Settings, search: Work) -> Adaptive:
    encoder = _encoded([(codes, settings)])
    search.left -= encoder.work
    return Adaptive(settings, len(encoder.finish()), encoder.work)


def _encoded(matrices: Sequence[tuple[Codes, Settings]]) -> BinaryEncoder:
    """The encoder behind the last bit: reading its script has written it."""
    encoder = BinaryEncoder(chain.from_iterable(script(*matrix) for matrix in matrices))
    reader = AdaptiveReader(encoder)
    for codes, _ in matrices:
        reader.read(*codes.shape)
    return encoder


def _density(live: Codes) -> int:
    """The nearest setting to the density of live rows and columns."""
    steps = (scale.DENSEST - _logit(np.count_nonzero(live) / live.size)) / scale.DENSITY_STEP
    return _within(steps, scale.DENSITY_BITS)


def _magnitude(live: Codes) -> int:
    """The nearest setting to the chance that a magnitude goes on."""
    sizes = np.abs(live[live != 0].astype(np.int64))
    goes_on = float((sizes - 1).sum() / sizes.sum())
    return _within(
        (scale.LONGEST - _logit(goes_on)) / scale.MAGNITUDE_STEP, scale.MAGNITUDE_BITS
    )


def _logit(chance: float) -> float:
    cut = min(max(chance, SURE), 1 - SURE)
    return UNIT * log(cut / (1 - cut))


def _within(steps: float, bits: int) -> int:
    return min(max(round(steps), 0), (1 << bits) - 1)
