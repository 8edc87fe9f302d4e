"""Who judges a step that takes ranges of the calibration examples: never by those it took."""

from dataclasses import replace

import numpy as np

from worker.engine.checkpoint import Checkpoint
from worker.engine.context import Context
from worker.engine.judge import HOLD_OUT, Judge, Some, judge

JUDGED = 0.25  # of the calibration examples, where no labels judge


def judge_apart(checkpoint: Checkpoint, context: Context) -> tuple[Judge | None, Context]:
    """Who judges, and the context without the calibration examples that are judged by."""
    calibration, apart = context.calibration, None
    if calibration is not None and calibration.count > 1:
        rows = np.random.default_rng(context.seed).permutation(calibration.count)
        count = max(1, int(calibration.count * JUDGED))
        apart = Some(calibration, np.sort(rows[:count]))
        rest = Some(calibration, np.sort(rows[count:]))
    found = judge(checkpoint.model, context, HOLD_OUT, apart)
    if found is not None and apart is not None and found.samples is apart:
        context = replace(context, calibration=rest)
    return found, context
