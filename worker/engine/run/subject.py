"""One file that is measured."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from lathe.facts import ModelFacts
from lathe.report import Measurement
from worker.engine.measure.executed import Executed
from worker.engine.run.artifact import Written
from worker.engine.run.counts import Counts

BASELINE = "baseline"


@dataclass(frozen=True, slots=True)
class Subject:
    """`runs_as` tells for a candidate what the runtime makes of it."""

    id: str
    path: Path
    size_bytes: int
    sha256: str
    counts: Counts
    runs_as: Executed | None = None

    @classmethod
    def baseline(cls, path: Path, facts: ModelFacts) -> Self:
        """The canonical float file of the baseline."""
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        counts = Counts(facts.stats.parameters, facts.stats.macs)
        return cls(BASELINE, path, path.stat().st_size, sha256, counts)

    @classmethod
    def candidate(cls, step: str, written: Written, counts: Counts) -> Self:
        """The downloadable file of the state after a step."""
        return cls(
            step,
            written.path,
            written.size_bytes,
            written.sha256,
            counts,
            written.runs_as,
        )

    def costs(self) -> list[Measurement]:
        """What can be counted without running the file."""
        counted = {
            "size_bytes": self.size_bytes,
            "parameters": self.counts.parameters,
            "macs": self.counts.macs,
        }
        return [
            Measurement(metric=name, value=value, unit="bytes" if name == "size_bytes" else "")
            for name, value in counted.items()
            if value is not None
        ]
