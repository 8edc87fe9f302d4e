from lathe.confusion import ConfusedPair, Confusions
from worker.engine.report.confused import confused

FOUND = Confusions(
    classes=("cat", "dog"),
    baseline=((8, 2), (4, 6)),
    candidate=((7, 3), (0, 10)),
    pairs=(
        ConfusedPair(label="cat", answer="dog", baseline=2, candidate=3),
        ConfusedPair(label="dog", answer="cat", baseline=4, candidate=0),
    ),
)


def test_more_right_answers_are_good_and_more_wrong_ones_bad() -> None:
    made = confused(FOUND)
    assert made is not None
    cells = [[(cell.change, cell.tone, cell.shade) for cell in row.cells] for row in made.rows]
    assert cells == [
        [("-1", "bad", 1), ("+1", "bad", 1)],
        [("-4", "good", 4), ("+4", "good", 4)],
    ]
    assert made.rows[0].cells[1].text == "cat answered as dog: 2 before, 3 after"
    assert made.rows[1].cells[1].text == "dog answered right: 6 before, 10 after"


def test_pairs_are_drawn_to_the_scale_of_the_largest_change() -> None:
    made = confused(FOUND)
    assert made is not None
    assert [(row.change, row.share) for row in made.pairs] == [("+1", 0.25), ("-4", -1.0)]


def test_many_classes_have_pairs_alone() -> None:
    made = confused(Confusions(pairs=FOUND.pairs))
    assert made is not None
    assert made.rows == []
    assert len(made.pairs) == 2


def test_where_nothing_moved_there_is_nothing_to_show() -> None:
    assert confused(None) is None
    assert confused(Confusions(classes=("a",), baseline=((1,),), candidate=((1,),))) is None
