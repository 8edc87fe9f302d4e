"""Scores a class and a group, before and after, and the classes that lost most."""

import numpy as np

from lathe.report import GroupScore
from worker.engine.data import SplitSamples
from worker.engine.measure.class_names import class_name
from worker.engine.measure.evaluate import Evaluation
from worker.engine.measure.judgement import Classified, Judgement
from worker.engine.measure.metrics import Floats, Ints

MOST_CLASSES = 1000
MOST_GROUPS = 200
MOST_WORST = 5


def class_scores(
    baseline: Evaluation, candidate: Evaluation, names: tuple[str, ...] = ()
) -> tuple[GroupScore, ...]:
    """Recall, precision and F1 of every class that occurs, in class order; of more than 1000
    classes the most frequent ones. Empty for a task without classes. `names` are those of the
    first classes; others go by their number."""
    before, after = baseline.judgement, candidate.judgement
    if not isinstance(before, Classified) or not isinstance(after, Classified):
        return ()
    old, new = before.counts(), after.counts()
    lost, gained = _turned(before, after), _turned(after, before)
    common = np.argsort(-old.support, kind="stable")[:MOST_CLASSES]
    return tuple(
        GroupScore(
            name=class_name(place, names),
            examples=int(old.support[place]),
            baseline={
                "recall": float(old.recall[place]),
                "precision": float(old.precision[place]),
                "f1": float(old.f1[place]),
            },
            candidate={
                "recall": float(new.recall[place]),
                "precision": float(new.precision[place]),
                "f1": float(new.f1[place]),
            },
            lost=int(lost[place]),
            gained=int(gained[place]),
        )
        for place in sorted(common.tolist())
        if old.support[place] > 0
    )


def worst_classes(classes: tuple[GroupScore, ...]) -> tuple[str, ...]:
    """Names whose recall fell, the largest fall first: five, or a quarter of few classes."""
    falls = [(one.candidate["recall"] - one.baseline["recall"], one.name) for one in classes]
    most = min(MOST_WORST, max(1, len(classes) // 4))
    fell = [(change, name) for change, name in falls if change < 0]
    return tuple(name for _, name in sorted(fell, key=lambda pair: pair[0])[:most])


def group_scores(
    samples: SplitSamples, metrics: tuple[str, ...], baseline: Evaluation, candidate: Evaluation
) -> tuple[GroupScore, ...]:
    """Every metric within each group of `samples`, in the groups' order; the 200 largest."""
    labels = samples.groups(np.arange(samples.count, dtype=np.int64)).reshape(samples.count)
    names, counts = np.unique(labels, return_counts=True)
    large = sorted(np.argsort(-counts, kind="stable")[:MOST_GROUPS].tolist())
    right = _right(baseline.judgement), _right(candidate.judgement)
    scores = []
    for place in large:
        rows = np.flatnonzero(labels == names[place])
        scores.append(
            GroupScore(
                name=str(names[place]),
                examples=len(rows),
                baseline={m: baseline.judgement.score(m, rows) for m in metrics},
                candidate={m: candidate.judgement.score(m, rows) for m in metrics},
                **_changed(right, rows),
            )
        )
    return tuple(scores)


def _turned(before: Classified, after: Classified) -> Ints:
    """By class, how many answers were right in `before` and are wrong in `after`."""
    was_right = before.predictions == before.labels
    inside = (before.labels >= 0) & (before.labels < before.classes)
    turned = before.labels[was_right & inside & (after.predictions != after.labels)]
    return np.bincount(turned, minlength=before.classes)


def _right(judgement: Judgement) -> Floats | None:
    """1 and 0 by example, NaN where one does not count; None for tasks that are not about
    one class an example."""
    if not isinstance(judgement, Classified) or judgement.labels.ndim != 1:
        return None
    return judgement.correct


def _changed(right: tuple[Floats | None, Floats | None], rows: Ints) -> dict[str, int]:
    before, after = right
    if before is None or after is None:
        return {}
    old, new = before[rows], after[rows]
    return {
        "lost": int(((old == 1) & (new == 0)).sum()),
        "gained": int(((old == 0) & (new == 1)).sum()),
    }
