"""The held-out part of train."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lathe.errors import StepImpossible
from worker.engine.train.hold_out import hold_out


@given(st.integers(2, 400), st.floats(0.001, 0.899), st.integers(0, 2**31 - 1))
def test_both_parts_together_are_every_row_once(count: int, fraction: float, seed: int) -> None:
    rows = hold_out(count, fraction, seed)
    assert sorted([*rows.train.tolist(), *rows.held.tolist()]) == list(range(count))
    assert len(rows.train) >= 1
    assert len(rows.held) >= 1


def test_the_fraction_is_what_is_held_not_what_is_trained_on() -> None:
    rows = hold_out(70, 0.1, 3)
    assert (len(rows.train), len(rows.held)) == (63, 7)


def test_the_same_seed_holds_out_the_same_rows_and_another_seed_others() -> None:
    first, again, other = (hold_out(50, 0.2, seed).held.tolist() for seed in (5, 5, 6))
    assert first == again
    assert first != other
    assert first != list(range(40, 50))


def test_one_example_is_refused() -> None:
    with pytest.raises(StepImpossible, match="has 1"):
        hold_out(1, 0.5, 0)
