"""One file that is measured."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from lathe.facts import ModelFacts
from lathe.limits import FileKind
from lathe.report import Measurement, PackedFile
from worker.engine.measure.executed import Executed
from worker.engine.run.artifact import Written
from worker.engine.run.counts import Counts

BASELINE = "baseline"


@dataclass(frozen=True, slots=True)
class Subject:
    """`runs_as` tells for a candidate what the runtime makes of it; `packed` is the same file
    coded, where a step asked for that."""

    id: str
    path: Path
    size_bytes: int
    sha256: str
    counts: Counts
    runs_as: Executed | None = None
    packed: PackedFile | None = None

    @classmethod
    def baseline(cls, path: Path, facts: ModelFacts, uploaded_bytes: int | None = None) -> Self:
        """The canonical float file of the baseline; its size is the upload's where that was
        smaller."""
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        counts = Counts(facts.stats.parameters, facts.stats.macs)
        size_bytes = path.stat().st_size
        if uploaded_bytes is not None:
            size_bytes = min(size_bytes, uploaded_bytes)
        return cls(BASELINE, path, size_bytes, sha256, counts)

    @classmethod
    def candidate(
        cls, step: str, written: Written, counts: Counts, packed: PackedFile | None = None
    ) -> Self:
        """The downloadable file of the state after a step."""
        return cls(
            step,
            written.path,
            written.size_bytes,
            written.sha256,
            counts,
            written.runs_as,
            packed,
        )

    def costs(self) -> list[Measurement]:
        """What can be counted without running the file."""
        packed = self.packed.size_bytes if self.packed else None
        counted: list[tuple[str, FileKind, int | None, str]] = [
            ("size_bytes", "onnx", self.size_bytes, "bytes"),
            ("size_bytes", "packed", packed, "bytes"),
            ("parameters", "onnx", self.counts.parameters, ""),
            ("macs", "onnx", self.counts.macs, ""),
        ]
        return [
            Measurement(metric=name, of=of, value=value, unit=unit)
            for name, of, value, unit in counted
            if value is not None
        ]
