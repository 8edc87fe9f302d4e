"""Finding one number among a candidate's measurements."""

from lathe.limits import FileKind
from lathe.report import Candidate, Measurement


def measured(
    candidate: Candidate,
    metric: str,
    batch_size: int | None = None,
    *,
    of: FileKind = "onnx",
) -> Measurement | None:
    """The measurement of `metric` at a batch size, or without one the first: for latencies
    that of the first batch size asked."""
    return next(
        (
            one
            for one in candidate.measurements
            if (one.metric, one.of) == (metric, of) and batch_size in (None, one.batch_size)
        ),
        None,
    )
