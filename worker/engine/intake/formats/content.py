"""What a data set holds before it is read; every format gives one of these."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lathe.facts import DataFormat, DType, Finding
from lathe.summary import MissingSummary, SampleSummary

Piece = tuple[str, NDArray[np.generic]]
SAMPLES = 3  # of each split, that a summary shows


@dataclass(frozen=True, slots=True)
class Declared:
    """One array as it will be stored; the first axis of `shape` is the examples."""

    dtype: DType
    shape: tuple[int, ...]


@dataclass(slots=True)
class Notes:
    """What is only known when all pieces have passed: `samples` are the first of each split,
    without their values."""

    findings: list[Finding] = field(default_factory=list)
    samples: dict[str, list[SampleSummary]] = field(default_factory=dict)

    def told(self, code: str, message: str) -> None:
        """Keep something that the uploader should know."""
        self.findings.append(Finding(code=code, severity="info", message=message))

    def sample(self, split: str, source: str, texts: tuple[str, ...] = ()) -> None:
        """Keep where an example came from, if it is one of the first."""
        kept = self.samples.setdefault(split, [])
        if len(kept) < SAMPLES:
            kept.append(SampleSummary(source=source, texts=texts))


@dataclass(frozen=True, slots=True)
class Content:
    """Arrays by `<split>/<field>`, and their elements.

    `pieces()` can be called once. It gives each array's elements in C order; arrays may come
    in turns, so that a table is read once and not once a column.
    """

    format: DataFormat
    arrays: Mapping[str, Declared]
    pieces: Callable[[], Iterator[Piece]]
    classes: tuple[str, ...] = ()
    missing: tuple[MissingSummary, ...] = ()
    notes: Notes = field(default_factory=Notes)
