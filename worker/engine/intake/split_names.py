"""How the arrays of a data set are named: `<split>/<field>`."""

import re

from lathe.errors import NotADataset

SPLIT = re.compile(r"[A-Za-z0-9_-]{1,64}")
LONGEST_NAME = 512


def split_and_field(name: str) -> tuple[str, str]:
    """The two halves of an array's name; raises NotADataset for any other name."""
    split, slash, field = name.partition("/")
    plain = name.isprintable() and len(name) <= LONGEST_NAME
    if not plain or not slash or not field or SPLIT.fullmatch(split) is None:
        raise NotADataset(
            f"the array {name[:100]!r} is not named '<split>/<input>' or '<split>/label', "
            "such as 'train/image'"
        )
    return split, field
