"""Latencies as a table: how both files' runs are spread, behind the histograms."""

from dataclasses import dataclass

import numpy as np

from lathe.report import Candidate
from worker.engine.run import figures

PERCENTILES = (0.0, 50.0, 95.0, 99.0, 100.0)


@dataclass(frozen=True, slots=True)
class TimingRow:
    """The runs of one file at one batch size: fastest, median, 95th, 99th, slowest."""

    batch_size: int | None
    name: str
    runs: int
    values: list[str]


def timing_rows(baseline: Candidate, candidate: Candidate) -> list[TimingRow]:
    """By batch size, the baseline's above the candidate's; empty where nothing was timed."""
    files = (("baseline", baseline), ("candidate", candidate))
    rows = [
        TimingRow(
            one.batch_size,
            name,
            len(one.samples),
            [figures.milliseconds(ms) for ms in np.percentile(one.samples, PERCENTILES)],
        )
        for name, file in files
        for one in file.measurements
        if one.metric == "latency_ms" and one.samples
    ]
    return sorted(rows, key=lambda row: row.batch_size or 0)
