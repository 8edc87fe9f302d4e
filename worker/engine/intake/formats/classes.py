"""Class names and their numbers."""

from collections.abc import Iterable

from lathe.errors import InvalidSpec


def class_numbers(found: Iterable[str], declared: tuple[str, ...]) -> dict[str, int]:
    """The number of each class: its place among `declared`, or else in sorted order.

    Raises InvalidSpec for names that are declared twice, or found but not declared.
    """
    names = sorted(set(found))
    if not declared:
        return {name: number for number, name in enumerate(names)}
    numbers = {name: number for number, name in enumerate(declared)}
    if len(numbers) < len(declared):
        twice = next(name for name in declared if declared.count(name) > 1)
        raise InvalidSpec(
            f"the class {twice!r} is named twice; name it once", param="layout.classes"
        )
    for name in names:
        if name not in numbers:
            raise InvalidSpec(
                f"the data has the class {name!r}, which is not among the {len(declared)} that "
                "are named; add it",
                param="layout.classes",
            )
    return numbers
