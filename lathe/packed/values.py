"""Signs and magnitudes of codes that are not zero.

A sign is one bit, 1 for minus. Its contexts, all of them signs s = 0 1 2 for minus, zero, plus:
s of left * 3 + above + 9 before + 27 above left + 81 above right; the last sign in the column
* 3 + s of the row before; plus less minus so far in the row, from -8 to 8.

A magnitude m is m - 1 ones and a zero, at most 14 bits; 14 ones say m >= 15, and then follow
with even chances n in 5 bits and m - 15 in n bits. The contexts of bit k (1 to 14), each times
16 plus: the largest magnitude among left, above, above left, before and the row before, at
most 15; the level of the column; the level of the row (densities.py).
"""

from lathe.errors import CorruptPacked
from lathe.packed.binary import EVEN, Bits, number
from lathe.packed.mixer import ONE, Mixer
from lathe.packed.neighbours import Neighbours

UNARY = 15  # magnitudes from here on have a number
LENGTH_BITS = 5
BALANCED = 8
_SIGNS = 3
_AROUND = _SIGNS**5
_COLUMN = _AROUND + _SIGNS**2
_SIDE = 16
_BITS = UNARY * _SIDE
_SETS = 4  # of weights: for bit 1, 2, 3 and all others
_SIGN_WEIGHT = ONE * 2 // 5
_SIZE_WEIGHT = ONE // 3
_LARGEST = (1 << 31) - 1


class Values:
    """Learns the signs and magnitudes of one matrix."""

    def __init__(self, chance: int, places: int) -> None:
        """`chance` that a magnitude goes on, in 65536ths; `places` of a row."""
        self._sign = Mixer(_COLUMN + 2 * BALANCED + 1, EVEN, 1, [_SIGN_WEIGHT] * 3)
        self._size = Mixer(3 * _BITS, chance, _SETS, [_SIZE_WEIGHT] * 3)
        self._last_sign = [1] * places
        self._balance = BALANCED

    def begin(self) -> None:
        """A row begins."""
        self._balance = BALANCED

    def read(self, bits: Bits, row: Neighbours, place: int, column: int, line: int) -> int:
        """The code at `place`; `column` and `line` are the levels of its column and row."""
        codes = row.codes
        above, before = place - row.above, place - row.before
        around = codes[place - 1], codes[above], codes[before], codes[above - 1]
        last = row.last[place]
        minus = self._minus(bits, (*around, codes[above + 1]), last, place)
        largest = min(max(*map(abs, around), abs(last)), _SIDE - 1)
        size = self._magnitude(bits, largest, column, line)
        if size > _LARGEST + minus:
            raise CorruptPacked("a code is beyond 32 bits")
        return -size if minus else size

    def _minus(self, bits: Bits, around: tuple[int, ...], last: int, place: int) -> int:
        near = 0
        for code, weight in zip(around, (3, 1, 9, 27, 81), strict=True):
            near += weight * ((code > 0) - (code < 0) + 1)
        column = self._last_sign[place] * _SIGNS + (last > 0) - (last < 0) + 1
        balance = min(max(self._balance, 0), 2 * BALANCED)
        minus = self._sign.bit(bits, 0, [near, _AROUND + column, _COLUMN + balance], [])
        self._last_sign[place] = 2 - 2 * minus
        self._balance += 1 - 2 * minus
        return minus

    def _magnitude(self, bits: Bits, largest: int, column: int, line: int) -> int:
        size = 1
        while size < UNARY:
            at = size * _SIDE
            places = [at + largest, _BITS + at + column, 2 * _BITS + at + line]
            if not self._size.bit(bits, min(size, _SETS) - 1, places, []):
                return size
            size += 1
        return size + number(bits, number(bits, LENGTH_BITS))
