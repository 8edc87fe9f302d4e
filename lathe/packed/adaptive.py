"""Codes bit by bit, each bit with a chance that those before it have taught.

    matrix  = settings (settings.py)
              column mask: a bit for each column, 1 for one with a code that is not zero
              for each row:  row mask: one bit, 1 for a row with a code that is not zero
                             for each live column: one bit, 1 for a code that is not zero,
                             then its sign and its magnitude (values.py)

Every bit goes through the coder of binary.py with a chance by mixer.py. What is masked is
zero and neither coded nor counted. The inputs of a code's first bit are counters under

    near                                    (neighbours.py)
    [close + wide, at most 9], row level    close: how many of left, above, above left, above
    row level, column level                 right are not zero

and the logits of column, row and around (densities.py); weights begin at 0.16, one set for
each of 0 1 2 3 (and 4) close. A bit of the column mask, with near, close and wide of the mask
itself: counters under near, hint, [close + wide, hint] (alive.py), whose weights begin at 0.4.
A bit of the row mask: one counter under hint, of weight 1 at first.

A row that is not masked counts as 10 + places // 64 bits of work beside its own (field.py).
"""

import numpy as np
from numpy.typing import NDArray

from lathe.errors import CorruptPacked
from lathe.packed.alive import HINTS, Alive
from lathe.packed.binary import EVEN, Bits
from lathe.packed.densities import LEVEL, LEVELS, Densities, row_logit
from lathe.packed.field import Field
from lathe.packed.logistic import LIMIT
from lathe.packed.mixer import ONE, Mixer
from lathe.packed.neighbours import ALL, HOW_MANY, Neighbours
from lathe.packed.settings import Settings
from lathe.packed.values import Values

LONGEST = 1 << 16  # rows or columns: what a place takes beside its code is bounded by it
ROW_WORK = 10  # bits that the arrays of a row take as long as
PLACES_PER_BIT = 64
_CROWD = 10
_MASK_CROWD = 1 + 4 + 8
_SET = (0, 1, 2, 3, 3)
_CROWDED = tuple(ALL + min(crowd, _CROWD - 1) * LEVELS for crowd in range(4 + 8 + 1))
_WEIGHT = ONE * 4 // 25
_MASK_WEIGHT = ONE * 2 // 5


class AdaptiveReader:
    """The matrices of one stream, one after the other."""

    def __init__(self, bits: Bits) -> None:
        self._bits, self._alive = bits, Alive()

    def read(self, rows: int, columns: int) -> NDArray[np.int32]:
        """The next matrix (rows, columns); raises CorruptPacked."""
        if max(rows, columns) > LONGEST:
            raise CorruptPacked(f"no adaptive matrix is {rows} x {columns}")
        settings = Settings.read(self._bits)
        if settings.transposed:
            rows, columns = columns, rows
        codes = _Matrix(self._bits, settings, columns, self._alive).read(rows)
        self._alive.add(codes)
        return np.ascontiguousarray(codes.T) if settings.transposed else codes


class _Matrix:
    """What is learned in one matrix of `columns`."""

    def __init__(self, bits: Bits, settings: Settings, columns: int, alive: Alive) -> None:
        self._bits, self._settings, self._alive = bits, settings, alive
        self._field = Field(columns, settings.height or 1, settings.width or columns)
        self._first = Mixer(
            ALL + (_CROWD + LEVELS) * LEVELS,
            settings.density_chance,
            max(_SET) + 1,
            [_WEIGHT] * 6,
        )
        self._values = Values(settings.magnitude_chance, self._field.size)

    def read(self, rows: int) -> NDArray[np.int32]:
        """The codes (rows, columns)."""
        field, masked = self._field, self._settings.row_mask
        codes = np.zeros((rows, field.columns), np.int32)
        places = field.places
        live = self._live_columns() if self._settings.column_mask else np.arange(len(places))
        if not live.size:
            return codes
        densities = Densities(field, places[live], self._settings.density_chance)
        mask, last = Mixer(HINTS, EVEN, 1, [ONE]), [0] * field.size
        for row, hint in zip(codes, self._alive.hints(rows), strict=True):
            if masked and not mask.bit(self._bits, 0, [hint], []):
                continue
            self._bits.spend(ROW_WORK + field.size // PLACES_PER_BIT)
            last = self._row(places[live].tolist(), last, densities)
            densities.add(last)
            row[live] = np.array(last)[places[live]]
        return codes

    def _live_columns(self) -> NDArray[np.intp]:
        mixer = Mixer(ALL + (_MASK_CROWD + 1) * HINTS, EVEN, 1, [_MASK_WEIGHT] * 3)
        hints = self._alive.hints(self._field.columns)
        row = Neighbours(self._field, [0] * self._field.size)
        for place, hint in zip(self._field.places.tolist(), hints, strict=True):
            near = row.near[place]
            crowd = 1 + HOW_MANY[near] + row.wide[place]
            if mixer.bit(self._bits, 0, [near, ALL + hint, ALL + crowd * HINTS + hint], []):
                row.put(place, 1)
        return np.flatnonzero(np.array(row.codes)[self._field.places])

    def _row(self, places: list[int], last: list[int], densities: Densities) -> list[int]:
        """The codes of a row by place."""
        row = Neighbours(self._field, last)
        self._values.begin()
        bits, first, near_of, wide_of = self._bits, self._first.bit, row.near, row.wide
        overall, ones = densities.overall, 0
        logits, around = densities.logits()
        for seen, (place, x, x_around) in enumerate(zip(places, logits, around, strict=True)):
            near = near_of[place]
            close = HOW_MANY[near]
            x_row = row_logit(ones, seen, overall)
            line, column = LEVEL[x_row + LIMIT], LEVEL[x + LIMIT]
            contexts = [
                near,
                _CROWDED[close + wide_of[place]] + line,
                ALL + (_CROWD + line) * LEVELS + column,
            ]
            if first(bits, _SET[close], contexts, [x, x_row, x_around]):
                row.put(place, self._values.read(bits, row, place, column, line))
                ones += 1
        return row.codes
