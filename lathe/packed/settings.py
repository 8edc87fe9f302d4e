"""What an adaptive matrix says of itself before its codes.

    density      5 bits   codes that are not zero among those of live rows and columns
    magnitude    3 bits   the chance that a magnitude goes on
    transposed   1 bit    rows and columns are exchanged
    row mask     1 bit    each row says whether it has any code that is not zero
    column mask  1 bit    each column says so, before the first row
    mapped       1 bit    then: height - 1 in 8 bits, width - 1 in 8 bits (field.py);
                          else the map is one line of all columns

All with even chances, the highest bit first. The chances that counters begin with are
SQUASH[2816 + 1400 - 136 density] and SQUASH[2816 + 376 - 256 magnitude] (logistic.py).
"""

from dataclasses import dataclass

from lathe.packed.binary import Bits, number
from lathe.packed.logistic import LIMIT, SQUASH

DENSITY_BITS, MAGNITUDE_BITS, SIDE_BITS = 5, 3, 8
DENSEST, DENSITY_STEP = 1400, 136  # logits
LONGEST, MAGNITUDE_STEP = 376, 256


@dataclass(frozen=True)
class Settings:
    """Of one matrix; height and width are 0 where the map is one line."""

    density: int
    magnitude: int
    transposed: bool
    row_mask: bool
    column_mask: bool
    height: int = 0
    width: int = 0

    @classmethod
    def read(cls, bits: Bits) -> "Settings":
        """The next settings of `bits`."""
        density, magnitude = number(bits, DENSITY_BITS), number(bits, MAGNITUDE_BITS)
        transposed, row_mask, column_mask, mapped = (bool(number(bits, 1)) for _ in range(4))
        height = number(bits, SIDE_BITS) + 1 if mapped else 0
        width = number(bits, SIDE_BITS) + 1 if mapped else 0
        return cls(density, magnitude, transposed, row_mask, column_mask, height, width)

    @property
    def density_chance(self) -> int:
        """Of a code that is not zero, in 65536ths."""
        return SQUASH[LIMIT + DENSEST - DENSITY_STEP * self.density]

    @property
    def magnitude_chance(self) -> int:
        """That a magnitude goes on, in 65536ths."""
        return SQUASH[LIMIT + LONGEST - MAGNITUDE_STEP * self.magnitude]
