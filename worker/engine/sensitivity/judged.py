"""By whom and on which examples the loss of a change is judged; never on evaluation data."""

import numpy as np
import onnx

from lathe.errors import StepImpossible
from worker.engine.context import Context
from worker.engine.judge import BY_ANSWER, HOLD_OUT, Judge, Some, judge
from worker.engine.layerwise.calibration import unlabelled
from worker.engine.sensitivity.divergence import Divergence


def judge_of(original: onnx.ModelProto, context: Context, samples: int) -> Judge:
    """Labels of held-out train judge, else the original's answers to calibration examples, or
    to train's; at most `samples` of them. Raises StepImpossible where there are none."""
    found = unlabelled(context)
    apart = None if found is None else Some(found[0], np.sort(found[1][:samples]))
    judged_by = judge(original, context, HOLD_OUT, apart)
    if judged_by is None:
        raise StepImpossible(
            "nothing can be judged without examples; give data.calibration or data.train",
            param="data.calibration",
        )
    judged_by.samples = Some(judged_by.samples.of, judged_by.samples.rows[:samples])
    return judged_by


def divergence_from(
    original: onnx.ModelProto, judged_by: Judge, context: Context
) -> Divergence:
    """Of the answers to the examples that the judge takes."""
    task = context.task or BY_ANSWER
    return Divergence.of_original(original, judged_by.samples, task, context.threads)
