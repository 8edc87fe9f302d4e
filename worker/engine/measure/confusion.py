"""Which classes are taken for which, before and after, counted on the same examples."""

import numpy as np

from lathe.confusion import ConfusedPair, Confusions, Matrix
from worker.engine.measure.class_names import class_name
from worker.engine.measure.judgement import Classified
from worker.engine.measure.metrics import Ints

MOST_IN_A_MATRIX = 20
MOST_PAIRS = 20


def confusions(
    baseline: Classified, candidate: Classified, names: tuple[str, ...] = ()
) -> Confusions:
    """Both matrices for at most 20 classes, and in any case the 20 wrong answers whose number
    changed most. Positions whose label is no class are left out. `names` are those of the
    first classes; others go by their number."""
    counted = (baseline.labels >= 0) & (baseline.labels < baseline.classes)
    labels = baseline.labels[counted]
    before, after = baseline.predictions[counted], candidate.predictions[counted]
    pairs = _pairs(labels, before, after, names)
    count = max(baseline.classes, candidate.classes)
    if count > MOST_IN_A_MATRIX:
        return Confusions(pairs=pairs)
    return Confusions(
        classes=tuple(class_name(place, names) for place in range(count)),
        baseline=_matrix(labels, before, count),
        candidate=_matrix(labels, after, count),
        pairs=pairs,
    )


def _matrix(labels: Ints, answers: Ints, count: int) -> Matrix:
    """(n,) and (n,) to (count, count); an answer that is no class is in no column."""
    inside = (answers >= 0) & (answers < count)
    places = labels[inside] * count + answers[inside]
    counts = np.bincount(places, minlength=count * count).reshape(count, count)
    return tuple(tuple(row) for row in counts.tolist())


def _pairs(
    labels: Ints, before: Ints, after: Ints, names: tuple[str, ...]
) -> tuple[ConfusedPair, ...]:
    """Wrong answers by the size of their change, then put in order of growth."""
    wrong = np.concatenate([before != labels, after != labels])
    said = np.stack([np.concatenate([labels, labels]), np.concatenate([before, after])])
    kinds, place = np.unique(said[:, wrong], axis=1, return_inverse=True)
    is_after = np.repeat([False, True], len(labels))[wrong]
    old = np.bincount(place[~is_after], minlength=kinds.shape[1])
    new = np.bincount(place[is_after], minlength=kinds.shape[1])
    changed = np.flatnonzero(old != new)
    largest = changed[np.argsort(-np.abs(new - old)[changed], kind="stable")[:MOST_PAIRS]]
    found = (
        ConfusedPair(
            label=class_name(int(kinds[0, one]), names),
            answer=class_name(int(kinds[1, one]), names),
            baseline=int(old[one]),
            candidate=int(new[one]),
        )
        for one in largest
    )
    return tuple(sorted(found, key=lambda pair: -pair.change))
