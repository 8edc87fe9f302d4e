"""What a position knows of the codes in its own row that came before it.

`near` has a bit for each neighbour that is not zero: 1 left, 2 above, 4 above left, 8 above
right, 16 the same place of the plane before, 32 the same place of the row before. `wide` is
how many of the next eight are not zero: two to the left, two above (five of them, from two
left to two right), two left and two right of the one above.
"""

from lathe.packed.field import Field

LEFT, ABOVE, ABOVE_LEFT, ABOVE_RIGHT, BEFORE, LAST_ROW = 1, 2, 4, 8, 16, 32
CLOSE = LEFT + ABOVE + ABOVE_LEFT + ABOVE_RIGHT
ALL = 64
HOW_MANY = tuple(int.bit_count(near & CLOSE) for near in range(ALL))


class Neighbours:
    """The codes of one row by place, as far as they are known."""

    def __init__(self, field: Field, last: list[int]) -> None:
        """`last`: the codes of the row before, by place."""
        stride = field.stride
        self.codes = [0] * field.size
        self.last = last
        self.near = [LAST_ROW if code else 0 for code in last]
        self.wide = [0] * field.size
        self.above, self.before = stride, field.plane
        self._near_steps = (
            (1, LEFT),
            (stride, ABOVE),
            (stride + 1, ABOVE_LEFT),
            (stride - 1, ABOVE_RIGHT),
            (field.plane, BEFORE),
        )
        below = range(2 * stride - 2, 2 * stride + 3)
        self._wide_steps = (2, stride - 2, stride + 2, *below)

    def put(self, place: int, code: int) -> None:
        """`code`, not zero, stands at `place`."""
        self.codes[place] = code
        for step, flag in self._near_steps:
            self.near[place + step] |= flag
        for step in self._wide_steps:
            self.wide[place + step] += 1
