"""Several runs of one step, each a part of its progress."""

from dataclasses import replace

from lathe.views import Progress
from worker.engine.context import Context


def part_of(context: Context, first: float, last: float) -> Context:
    """`context` whose reports count from the fraction `first` of the step to `last`, which
    is 1 where sums of shares went a rounding beyond it. Only the last part can say how long
    the step still takes."""
    last = min(last, 1.0)

    def report(progress: Progress) -> None:
        fraction = first + (last - first) * progress.fraction
        eta_s = progress.eta_s if last == 1 else None
        context.progress(progress.model_copy(update={"fraction": fraction, "eta_s": eta_s}))

    return replace(context, progress=report)
