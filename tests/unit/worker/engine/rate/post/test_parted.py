"""Who looks and who judges: by place, and by likeness."""

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.unit.worker.engine.points import Points
from worker.engine.judge import Some
from worker.engine.rate.post import parted
from worker.engine.rate.post.parted import parted_by_likeness


def rows_of(count: int) -> Some:
    """`count` examples from the last to the first."""
    points = Points(np.zeros((count, 2), np.float32))
    return Some(points, np.arange(count)[::-1].copy())


def answers(kinds: str) -> NDArray[np.float64]:
    """An answer a letter: those of different letters at right angles, a small letter's at
    cosine 0.8 with the large one's."""
    own = np.eye(26)
    turned = 0.8 * own + 0.6 * np.roll(own, 13, axis=1)
    return np.stack([(own if k.isupper() else turned)[ord(k.upper()) - 65] for k in kinds])


def test_a_quarter_to_a_half_judges_so_that_enough_are_looked_at() -> None:
    for count, judging in ((4, 1), (341, 86), (400, 144), (512, 256), (900, 450)):
        apart, rest = parted.parted(rows_of(count))
        assert (apart.count, rest.count) == (judging, count - judging)
        assert apart.rows.tolist() == list(range(count - 1, count - 1 - judging, -1))


@pytest.mark.parametrize(("most", "judging"), [(0.25, "ABC"), (0.1, "AB"), (0.5, "ABC")])
def test_those_who_judge_are_like_no_other_and_what_is_like_them_sits_apart(
    monkeypatch: pytest.MonkeyPatch, most: float, judging: str
) -> None:
    """With D seven of twelve would be taken: more than half."""
    kinds = "ABaCbDEFGHaI"
    monkeypatch.setattr(parted, "FEWEST_UNLIKE", 2)
    monkeypatch.setattr(parted, "LEAST_JUDGED", most)
    apart, rest = parted_by_likeness(rows_of(12), answers(kinds))
    assert "".join(kinds[11 - row] for row in apart.rows) == judging
    assert "".join(kinds[11 - row] for row in rest.rows) == ("CDEFGHI"["C" in judging :])


def test_too_few_unlike_examples_are_parted_by_their_place() -> None:
    apart, rest = parted_by_likeness(rows_of(8), answers("AAAAAAAA"))
    assert (apart.rows.tolist(), rest.rows.tolist()) == ([7, 6], [5, 4, 3, 2, 1, 0])
