"""One file that is measured."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from lathe.facts import ModelFacts
from lathe.report import Measurement
from worker.engine.artifact import Written
from worker.engine.checkpoint import Checkpoint
from worker.engine.executed import Executed, executed
from worker.engine.graph.macs import macs
from worker.engine.graph.parameters import parameters

BASELINE = "baseline"


@dataclass(frozen=True, slots=True)
class Subject:
    """`macs` are multiply-accumulates for one example; None where they cannot be counted.
    `runs_as` tells for a candidate what the runtime makes of it."""

    id: str
    path: Path
    size_bytes: int
    sha256: str
    parameters: int
    macs: int | None
    runs_as: Executed | None = None

    @classmethod
    def baseline(cls, path: Path, facts: ModelFacts) -> Self:
        """The canonical float file of the baseline."""
        data = path.read_bytes()
        stats = facts.stats
        digest = hashlib.sha256(data).hexdigest()
        return cls(BASELINE, path, len(data), digest, stats.parameters, stats.macs)

    @classmethod
    def candidate(cls, step: str, written: Written, checkpoint: Checkpoint) -> Self:
        """The downloadable file that `checkpoint` became."""
        return cls(
            step,
            written.path,
            written.size_bytes,
            written.sha256,
            parameters(checkpoint.model),
            macs(checkpoint.model),
            executed(written.path),
        )

    def costs(self) -> list[Measurement]:
        """What can be counted without running the file."""
        found = [
            Measurement(metric="size_bytes", value=self.size_bytes, unit="bytes"),
            Measurement(metric="parameters", value=self.parameters, unit=""),
        ]
        if self.macs is not None:
            found.append(Measurement(metric="macs", value=self.macs, unit=""))
        return found
