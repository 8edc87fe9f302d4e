"""Shapes and lists of names as people read them."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from lathe.facts import Dim

_MOST_NAMES = 8


def shape_text(shape: Sequence[Dim]) -> str:
    """A shape such as `1x28x28`; `?` for an unknown axis, `one number` for rank 0."""
    if not shape:
        return "one number"
    return "x".join("?" if dim is None else str(dim) for dim in shape)


def listed(names: Iterable[str]) -> str:
    """The first few names, and how many there are beyond."""
    found = list(names)
    shown = ", ".join(repr(name) for name in found[:_MOST_NAMES])
    rest = len(found) - _MOST_NAMES
    return f"{shown} and {rest} more" if rest > 0 else shown or "none"


def suggestion(name: str, offered: Sequence[str]) -> str:
    """The names closest to `name`, or else what there is."""
    close = get_close_matches(name, offered, n=3, cutoff=0.6)
    return f"did you mean {listed(close)}?" if close else f"it has {listed(offered)}"
