"""How answers moved between classes: a table of change, or the most changed wrong answers."""

import math
from dataclasses import dataclass

from lathe.confusion import Confusions

SHADES = 4


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: how many more answers there are after, and how many there are. `tone` is good,
    bad or empty, `shade` from 1 to 4 how much of it."""

    change: str
    tone: str
    shade: int
    text: str


@dataclass(frozen=True, slots=True)
class Row:
    """The answers to examples of one class."""

    label: str
    cells: list[Cell]


@dataclass(frozen=True, slots=True)
class PairRow:
    """One kind of wrong answer; `share` is its change over the largest, -1 to 1."""

    label: str
    answer: str
    before: int
    after: int
    change: str
    share: float


@dataclass(frozen=True, slots=True)
class Confused:
    """`rows` is empty where there are too many classes for a table of all."""

    classes: tuple[str, ...]
    rows: list[Row]
    pairs: list[PairRow]


def confused(found: Confusions | None) -> Confused | None:
    """None without classes, or where no answer changed its number."""
    if found is None or not found.pairs:
        return None
    largest = max(abs(pair.change) for pair in found.pairs)
    return Confused(
        found.classes,
        _rows(found),
        [
            PairRow(
                pair.label,
                pair.answer,
                pair.baseline,
                pair.candidate,
                f"{pair.change:+d}",
                pair.change / largest,
            )
            for pair in found.pairs
        ],
    )


def _rows(found: Confusions) -> list[Row]:
    changes = [
        [after - before for before, after in zip(old, new, strict=True)]
        for old, new in zip(found.baseline, found.candidate, strict=True)
    ]
    largest = max((abs(change) for row in changes for change in row), default=0) or 1
    return [
        Row(
            found.classes[label],
            [
                _cell(found, label, answer, change, largest)
                for answer, change in enumerate(changes[label])
            ],
        )
        for label in range(len(changes))
    ]


def _cell(found: Confusions, label: int, answer: int, change: int, largest: int) -> Cell:
    right = label == answer
    good = (change > 0) == right
    before, after = found.baseline[label][answer], found.candidate[label][answer]
    said = "answered right" if right else f"answered as {found.classes[answer]}"
    return Cell(
        change=f"{change:+d}" if change else "",
        tone="" if not change else "good" if good else "bad",
        shade=math.ceil(SHADES * abs(change) / largest),
        text=f"{found.classes[label]} {said}: {before} before, {after} after",
    )
