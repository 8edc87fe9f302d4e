"""Places of columns on a map, and what neighbours know."""

from lathe.packed.field import Field
from lathe.packed.neighbours import Neighbours


def test_every_plane_has_a_margin() -> None:
    field = Field(columns=8, height=2, width=2)
    assert (field.stride, field.plane) == (6, 24)
    assert field.places.tolist() == [14, 15, 20, 21, 38, 39, 44, 45]
    assert field.around.tolist() == [-7, -6, -5, -1, 1, 5, 6, 7]
    assert field.size >= 45 + field.plane + 2 * field.stride + 2 - field.plane


def test_a_code_is_seen_from_right_and_from_below() -> None:
    field = Field(columns=18, height=3, width=3)
    place = [int(part) for part in field.places]
    last = [0] * field.size
    last[place[5]] = -4
    row = Neighbours(field, last)
    row.put(place[1], 3)
    near = [row.near[at] for at in place]
    # right of it, below right, below, below left, the next plane, and the row before
    assert near == [0, 0, 1, 8, 2, 4 + 32, 0, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0]
    assert [row.wide[at] for at in place[:9]] == [0, 0, 0, 0, 0, 0, 1, 1, 1]
