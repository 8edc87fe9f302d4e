"""The tokens of a cut's plan: the writing half of lathe.packed.head.read_plan."""

from lathe.packed.head.plan import (
    Codebook,
    Coding,
    Constant,
    Cut,
    Grid,
    Integers,
    Layout,
    Plane,
    Planes,
    Same,
    Spelled,
    Squeezed,
    Stored,
)
from lathe.packed.head.read_plan import CONTINUES, IN_HEAD
from lathe.packed.head.wire import folded
from lathe.packed.varint import varint

_CODINGS = {
    Stored: Coding.STORED,
    Squeezed: Coding.SQUEEZED,
    Spelled: Coding.SPELLED,
    Same: Coding.SAME,
    Constant: Coding.CONSTANT,
    Planes: Coding.PLANES,
    Grid: Coding.GRID,
    Codebook: Coding.CODEBOOK,
    Integers: Coding.INTEGERS,
}


def plan_tokens(cut: Cut) -> bytes:  # noqa: PLR0911 - one a coding
    """The tokens of the cut's plan."""
    opening = bytes([_CODINGS[type(cut.plan)]])
    stream = varint(CONTINUES if cut.stream_bytes is None else cut.stream_bytes + 1)
    match cut.plan:
        case Stored():
            return opening
        case Squeezed(size_bytes=size_bytes):
            return opening + varint(size_bytes)
        case Spelled(data=data) | Constant(element=data):
            return opening + data
        case Same(back=back):
            return opening + varint(back - 1)
        case Planes(layout=layout, planes=planes):
            modes = b"".join(
                bytes([mode]) if mode is Plane.STORED else bytes([mode, value])
                for mode, value in planes
            )
            return opening + stream + _layout(layout) + modes
        case Grid() as grid:
            return opening + stream + _layout(grid.layout) + _steps(grid)
        case Codebook(layout=layout, entries=entries, zero=zero, kept=kept):
            table = varint(entries) + varint(zero) + bytes([kept])
            return opening + stream + _layout(layout) + table
        case Integers(layout=layout, offset=offset):
            return opening + stream + _layout(layout) + varint(folded(offset % (1 << 64)))


def _layout(layout: Layout) -> bytes:
    return bytes([layout.split])


def _steps(grid: Grid) -> bytes:
    in_head = grid.steps is not None
    axis = bytes([0 if grid.axis is None else grid.axis + 1])
    patterns = grid.steps if grid.steps is not None else (grid.base,)
    data = b"".join(pattern.to_bytes(4, "big")[: grid.kept] for pattern in patterns)
    return axis + bytes([grid.kept + IN_HEAD * in_head]) + data
