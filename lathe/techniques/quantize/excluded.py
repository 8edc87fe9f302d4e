"""Layers that a quantization leaves as floats: by id, or many at once by a pattern."""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Annotated

from pydantic import Field

from lathe.techniques.step import LayerId

ANY = "*"

Excluded = Annotated[
    tuple[LayerId, ...],
    Field(
        description="Layers that stay float, by layer id; a * stands for any characters, none "
        "as well."
    ),
]


def matching(wanted: str, ids: Iterable[str]) -> tuple[str, ...]:
    """The layers that `wanted` means: the one of that id, else all that its pattern matches."""
    known = tuple(ids)
    if wanted in known:
        return (wanted,)
    literal = wanted.replace("[", "[[]").replace("?", "[?]")
    return tuple(name for name in known if ANY in wanted and fnmatchcase(name, literal))
