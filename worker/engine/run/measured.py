"""Finding one number among a candidate's measurements."""

from lathe.report import Candidate, Measurement


def measured(candidate: Candidate, metric: str) -> Measurement | None:
    """The first measurement of `metric`: for latencies that of the first batch size asked."""
    return next((m for m in candidate.measurements if m.metric == metric), None)
