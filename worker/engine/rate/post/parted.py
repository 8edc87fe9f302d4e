"""Which examples layers look at, and by which others a loss is judged, where labels judge none.

Error feedback fits a layer to its examples. On an example that is nearly one of them a net
therefore answers better than on new ones: of 512 sentences that were 256 pairs of like meaning,
a random half saw a twentieth of the loss that new pairs had. Similarities, whose order hangs
on small differences, are judged by examples that are like none of those looked at, nor like
each other, since the order of pairs that are as good as equal survives anything.
"""

import numpy as np
import onnx
from numpy.typing import NDArray

from lathe.techniques.rate import ShareRateDistortion
from worker.engine.context import Context
from worker.engine.graph.io_spec import io_spec
from worker.engine.judge import Judge, Some, judge
from worker.engine.layerwise.calibration import Rows, left_over, unlabelled
from worker.engine.measure.answers import all_answers
from worker.engine.measure.metrics import Floats, cosine

FEWEST_LOOKED_AT = 256  # of unlabelled examples that a loss is judged by as well
LEAST_JUDGED, MOST_JUDGED = 0.25, 0.5  # shares of them
FEWEST_UNLIKE = 8  # 28 pairs


def judge_and_examples(
    model: onnx.ModelProto, spec: ShareRateDistortion, context: Context
) -> tuple[Judge | None, Some | None]:
    """Who judges a loss, where `spec` limits one, and the examples that layers may see."""
    found, target = unlabelled(context), spec.target
    rows = None if found is None else Some(*found)
    if target is None or target.max_drop is None:
        return None, rows
    original = _original(model, spec, context)
    apart, rest = (None, None) if rows is None else _parted(rows, original, context)
    chosen = judge(original, context, spec.hold_out, apart)
    if rows is None or chosen is None:
        return chosen, rows
    if chosen.samples is apart:
        return chosen, rest if rest and rest.count else rows
    if chosen.samples.of is rows.of:
        seen = rows.rows[~np.isin(rows.rows, chosen.samples.rows)]
        rows = Some(rows.of, seen if len(seen) else rows.rows)
    return chosen, rows


def _original(
    model: onnx.ModelProto, spec: ShareRateDistortion, context: Context
) -> onnx.ModelProto:
    """What a loss is counted from: the target's reference where it answers in the same form,
    else the model as it came."""
    if spec.reference is None:
        return model
    reference = context.teachers[spec.reference]
    return reference if io_spec(reference) == io_spec(model) else model


def _parted(rows: Some, original: onnx.ModelProto, context: Context) -> tuple[Some, Some]:
    """Examples to judge by without labels, and those to look at: where enough are left behind
    `rows`, these judge and no layer goes without."""
    task, spare = context.task, left_over(context)
    if task is not None and task.kind == "similarity":
        name = task.output or original.graph.output[0].name
        answers = all_answers(original, rows, name, context.threads)
        return parted_by_likeness(rows, answers.reshape(rows.count, -1))
    if spare is not None and len(spare[1]) >= FEWEST_LOOKED_AT:
        return Some(*spare), rows
    return parted(rows)


def parted(rows: Some) -> tuple[Some, Some]:
    """The examples to judge by, first of `rows`, and those to look at."""
    count = _judging(rows.count)
    return Some(rows.of, rows.rows[:count]), Some(rows.of, rows.rows[count:])


def parted_by_likeness(rows: Some, answers: Floats) -> tuple[Some, Some]:
    """As `parted` by the original's `answers` (n, d), but those to judge by are unlike each
    other and all that are looked at; what is like a judging one is neither. Two are alike
    whose cosine is nearer to 1 than to the median of all pairs. With fewer than FEWEST_UNLIKE
    such examples it is `parted`."""
    first, second = np.triu_indices(rows.count, 1)
    near = np.zeros((rows.count, rows.count), np.bool_)
    cosines = cosine(answers[first], answers[second])
    near[first, second] = cosines >= (np.median(cosines) + 1) / 2
    judging, taken = _apart(near | near.T | np.eye(rows.count, dtype=np.bool_))
    if len(judging) < FEWEST_UNLIKE:
        return parted(rows)
    return Some(rows.of, rows.rows[judging]), Some(rows.of, rows.rows[~taken])


def _apart(near: NDArray[np.bool_]) -> tuple[Rows, NDArray[np.bool_]]:
    """The first examples that are not `near` (n, n) each other, and which of all are near one
    of them: at most half."""
    count = len(near)
    taken, judging = np.zeros(count, np.bool_), list[int]()
    for row in range(count):
        if taken[row]:
            continue
        if len(judging) == _judging(count) or 2 * np.count_nonzero(taken | near[row]) > count:
            break
        judging.append(row)
        taken |= near[row]
    return np.asarray(judging, np.int64), taken


def _judging(count: int) -> int:
    """How many of `count` examples judge at most."""
    share = min(max((count - FEWEST_LOOKED_AT) / count, LEAST_JUDGED), MOST_JUDGED)
    return int(np.ceil(count * share))
