"""Whether a promise came true: the file is smaller, or the runtime is faster with it.

    smaller   bytes <= 0.99 of the baseline's; of a packed file where one was asked for
    faster    upper end of the 95 % interval of the paired latency ratio < 1, and neither file
              was timed while other work used the CPU; of several batch sizes the first decides

A mask alone is neither, whatever fraction of the weights it zeroes.
"""

from lathe.report import Candidate, Comparison, Realised
from worker.engine.run.measured import measured

SMALLER_AT = 0.99


def realised(baseline: Candidate, candidate: Candidate) -> Realised:
    """What of "smaller" and "faster" is true. Unmeasured: neither time nor quality was."""
    compared = candidate.against_baseline
    if not any(c.metric == "latency_ms" or c.kind == "difference" for c in compared):
        return "unmeasured"
    match is_smaller(candidate), is_faster(baseline, candidate):
        case True, True:
            return "smaller_and_faster"
        case True, False:
            return "smaller"
        case False, True:
            return "faster"
        case _:
            return "neither"


def is_smaller(candidate: Candidate) -> bool:
    """Bytes of the downloadable file are at most 0.99 of the baseline's."""
    return downloaded_size(candidate).change <= SMALLER_AT


def downloaded_size(candidate: Candidate) -> Comparison:
    """The bytes that count: those of the packed file where there is one, else of the ONNX."""
    sizes = {c.of: c for c in candidate.against_baseline if c.metric == "size_bytes"}
    return sizes.get("packed", sizes["onnx"])


def is_faster(baseline: Candidate, candidate: Candidate) -> bool:
    """The paired latency ratio is surely below 1, on a quiet machine."""
    ratio = next((c for c in candidate.against_baseline if c.metric == "latency_ms"), None)
    if ratio is None or ratio.interval is None:
        return False
    return ratio.interval.high < 1 and not is_contended(baseline, candidate)


def is_contended(
    baseline: Candidate, candidate: Candidate, batch_size: int | None = None
) -> bool:
    """Whether other work used the CPU while either file was timed at this batch size (None:
    the first one)."""
    timed = (measured(file, "latency_ms", batch_size) for file in (baseline, candidate))
    return any(one is not None and one.contended for one in timed)
