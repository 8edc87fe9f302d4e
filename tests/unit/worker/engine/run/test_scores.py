import numpy as np
import pytest

from lathe.facts import IoSpec
from lathe.report import GroupScore
from worker.engine.data import SplitSamples
from worker.engine.measure.evaluate import Evaluation
from worker.engine.measure.judgement import Classified, Regressed
from worker.engine.run.scores import class_scores, group_scores, worst_classes

LABELS = np.array([0, 0, 0, 0, 1, 1, 3])


def judged(*predictions: int) -> Evaluation:
    judgement = Classified(np.array(predictions), LABELS, 4, LABELS)
    return Evaluation(7, {"accuracy": judgement.score("accuracy")}, judgement)


BASELINE = judged(0, 0, 0, 1, 1, 1, 3)
CANDIDATE = judged(0, 0, 1, 1, 1, 3, 3)


def test_classes_that_occur_are_scored_before_and_after() -> None:
    classes = class_scores(BASELINE, CANDIDATE)
    assert [(one.name, one.examples) for one in classes] == [("0", 4), ("1", 2), ("3", 1)]
    named = class_scores(BASELINE, CANDIDATE, ("cat", "dog", "cow"))
    assert [one.name for one in named] == ["cat", "dog", "3"]
    assert classes[0].baseline["recall"] == 0.75
    assert classes[0].candidate == {
        "recall": 0.5,
        "precision": 1.0,
        "f1": pytest.approx(2 / 3),
    }


def test_each_class_says_how_many_right_answers_it_lost_and_gained() -> None:
    # of class 0 the third example was right and is wrong, of class 1 the last
    lost = class_scores(BASELINE, CANDIDATE)
    assert [(one.lost, one.gained) for one in lost] == [(1, 0), (1, 0), (0, 0)]
    gained = class_scores(judged(1, 1, 0, 0, 0, 1, 3), judged(0, 0, 0, 1, 1, 0, 3))
    assert [(one.lost, one.gained) for one in gained] == [(1, 2), (1, 1), (0, 0)]


def test_labels_that_are_no_class_are_neither_lost_nor_gained() -> None:
    labels = np.array([0, -1, 4])
    before = Classified(np.array([0, -1, 4]), labels, 2, labels)
    after = Classified(np.array([1, 0, 0]), labels, 2, labels)
    (only,) = class_scores(Evaluation(3, {}, before), Evaluation(3, {}, after))
    assert (only.name, only.lost, only.gained) == ("0", 1, 0)


def test_a_quarter_of_few_classes_is_named_as_having_lost_most() -> None:
    assert worst_classes(class_scores(BASELINE, CANDIDATE)) == ("1",)
    assert worst_classes(class_scores(CANDIDATE, CANDIDATE)) == ()


def test_a_task_without_classes_has_no_class_scores() -> None:
    values = np.zeros((3, 1))
    made = Evaluation(3, {"mse": 0.0}, Regressed(values, values))
    assert class_scores(made, made) == ()


def test_groups_are_scored_on_their_own_rows() -> None:
    samples = SplitSamples(
        chosen=np.arange(7),
        stored={},
        doors=IoSpec(inputs=(), outputs=()).inputs,
        transforms={},
        group=np.array([5, 5, 5, 5, 5, 2, 2]),
    )
    scores = group_scores(samples, ("accuracy",), BASELINE, CANDIDATE)
    assert [(one.name, one.examples) for one in scores] == [("2", 2), ("5", 5)]
    assert scores[0].baseline == {"accuracy": 1.0}
    assert scores[0].candidate == {"accuracy": 0.5}
    assert scores[1].candidate == {"accuracy": 0.6}
    assert [(one.lost, one.gained) for one in scores] == [(1, 0), (1, 0)]


def test_groups_of_a_task_without_classes_lose_no_answers() -> None:
    samples = SplitSamples(
        chosen=np.arange(3),
        stored={},
        doors=IoSpec(inputs=(), outputs=()).inputs,
        transforms={},
        group=np.array([1, 1, 1]),
    )
    values = np.zeros((3, 1))
    made = Evaluation(3, {"mse": 0.0}, Regressed(values, values))
    (only,) = group_scores(samples, ("mse",), made, made)
    assert (only.lost, only.gained) == (None, None)


def test_of_many_classes_five_are_named_the_largest_fall_first() -> None:
    names = [
        GroupScore(
            name=str(k), examples=1, baseline={"recall": 1.0}, candidate={"recall": k / 100}
        )
        for k in (30, 10, 50, 20, 40, 60, *range(100, 120))
    ]
    assert worst_classes(tuple(names)) == ("10", "20", "30", "40", "50")
