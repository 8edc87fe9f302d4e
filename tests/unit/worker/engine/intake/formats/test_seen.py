import numpy as np
import pytest

from worker.engine.intake.formats.content import Declared
from worker.engine.intake.formats.seen import Seen


def test_pieces_that_cut_examples_give_the_same_as_one_piece() -> None:
    values = np.arange(30, dtype=np.int16).reshape(5, 6)
    whole, cut = (Seen(Declared("int16", (5, 6))) for _ in range(2))
    whole.take(values)
    for start in range(0, 30, 4):
        cut.take(values.reshape(-1)[start : start + 4])
    assert whole.first == cut.first
    assert whole.first == [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11], [12, 13, 14, 15, 16, 17]]
    assert (cut.minimum, cut.maximum, cut.mean) == (0, 29, 14.5)
    assert cut.std == pytest.approx(np.std(np.arange(30)))


def test_only_eight_values_of_an_example_are_kept() -> None:
    seen = Seen(Declared("float32", (2, 100)))
    seen.take(np.arange(200, dtype=np.float32))
    assert seen.first[1] == [100, 101, 102, 103, 104, 105, 106, 107]
    assert seen.first[2] == []


def test_labels_are_counted() -> None:
    seen = Seen(Declared("int64", (5,)), count_labels=True)
    seen.take(np.array([3, -1, 3]))
    seen.take(np.array([3, 0]))
    assert seen.labels == {3: 3, -1: 1, 0: 1}


def test_a_spread_that_overflows_is_not_told() -> None:
    seen = Seen(Declared("float64", (2,)))
    with np.errstate(over="ignore"):
        seen.take(np.array([1e300, -1e300]))
    assert (seen.mean, seen.std) == (0.0, None)
