import numpy as np
import pytest

from lathe.confusion import ConfusedPair
from worker.engine.measure.confusion import confusions
from worker.engine.measure.judgement import Classified


def said(answers: list[int], labels: list[int], classes: int = 3) -> Classified:
    found = np.array(answers, dtype=np.int64)
    return Classified(found, np.array(labels, dtype=np.int64), classes, found)


LABELS = [0, 0, 0, 1, 1, 2, 7]  # 7 is no class
BEFORE = [0, 0, 1, 1, 1, 0, 0]
AFTER = [0, 2, 2, 1, 0, 2, 1]


def test_rows_are_labels_and_columns_are_answers() -> None:
    found = confusions(said(BEFORE, LABELS), said(AFTER, LABELS))
    assert found.classes == ("0", "1", "2")
    assert found.baseline == ((2, 1, 0), (0, 2, 0), (1, 0, 0))
    assert found.candidate == ((1, 0, 2), (1, 1, 0), (0, 0, 1))


def test_wrong_answers_that_changed_are_listed_by_growth() -> None:
    found = confusions(said(BEFORE, LABELS), said(AFTER, LABELS))
    pair = ConfusedPair
    assert found.pairs == (
        pair(label="0", answer="2", baseline=0, candidate=2),
        pair(label="1", answer="0", baseline=0, candidate=1),
        pair(label="0", answer="1", baseline=1, candidate=0),
        pair(label="2", answer="0", baseline=1, candidate=0),
    )
    assert [one.change for one in found.pairs] == [2, 1, -1, -1]


def test_of_many_classes_only_the_twenty_largest_changes_are_kept() -> None:
    # label k is answered k + 1 after, k times over, for k = 1 .. 29
    labels = [k for k in range(1, 30) for _ in range(k)]
    found = confusions(
        said(labels, labels, classes=40), said([k + 1 for k in labels], labels, classes=40)
    )
    assert found.classes == found.baseline == found.candidate == ()
    assert [one.change for one in found.pairs] == list(range(29, 9, -1))
    assert found.pairs[0].label == "29"
    assert found.pairs[0].answer == "30"


def test_a_wrong_answer_that_became_rare_is_among_the_largest_changes() -> None:
    # label 30 was answered 31 fifty times over, labels 1 .. 25 are answered k + 1 once each
    labels = [30] * 50 + list(range(1, 26))
    before = [31] * 50 + list(range(1, 26))
    after = [30] * 50 + list(range(2, 27))
    found = confusions(said(before, labels, classes=40), said(after, labels, classes=40))
    assert len(found.pairs) == 20
    assert found.pairs[-1].change == -50


def test_classes_are_called_what_the_data_set_calls_them() -> None:
    found = confusions(said(BEFORE, LABELS), said(AFTER, LABELS), ("cat", "dog"))
    assert found.classes == ("cat", "dog", "2")
    assert [(one.label, one.answer) for one in found.pairs[:2]] == [
        ("cat", "2"),
        ("dog", "cat"),
    ]


def test_where_no_answer_changed_there_is_no_pair() -> None:
    found = confusions(said(BEFORE, LABELS), said(BEFORE, LABELS))
    assert found.pairs == ()
    assert found.baseline == found.candidate


@pytest.mark.parametrize("answer", [-1, 3])
def test_an_answer_that_is_no_class_is_a_pair_but_in_no_column(answer: int) -> None:
    found = confusions(said([1, 1], [1, 1]), said([1, answer], [1, 1]))
    assert found.candidate == ((0, 0, 0), (0, 1, 0), (0, 0, 0))
    assert [(one.label, one.answer) for one in found.pairs] == [("1", str(answer))]


def test_every_position_of_a_dense_answer_counts() -> None:
    labels = np.array([[0, 1], [1, 9]])
    before, after = np.array([[0, 1], [1, 1]]), np.array([[1, 1], [0, 0]])
    found = confusions(
        Classified(before, labels, 2, before), Classified(after, labels, 2, after)
    )
    assert found.baseline == ((1, 0), (0, 2))
    assert found.candidate == ((0, 1), (1, 1))
